import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startStores, type TestStores } from './start-stores.js'

let stores: TestStores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores.stop())

const digest = Buffer.alloc(32, 1)
const scope = (key: string) => ({ tenantId: 'default', clientId: 'cl_1', key, requestDigest: digest })
const age = (interval: string): Promise<unknown> =>
  stores.sql('update idempotency_keys set created_at = created_at - $1::interval', [interval])

describe('an idempotency key', () => {
  test('of parallel callers at two replicas one works and the others get its answer', async () => {
    const other = stores.replica().stores.idempotency
    let works = 0
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        (index % 2 ? other : stores.idempotency).once(scope('parallel'), async () => {
          works++
          await stores.sql('select pg_sleep(0.1)')
          return `answer ${works}`
        }),
      ),
    )
    expect(works).toBe(1)
    expect(answers.map((each) => each.answer)).toEqual(Array(10).fill('answer 1'))
    expect(answers.filter((each) => !each.isReplay)).toHaveLength(1)
  })

  test('is worth nothing with another request', async () => {
    await stores.idempotency.once(scope('reused'), async () => 'first')
    const other = { ...scope('reused'), requestDigest: Buffer.alloc(32, 2) }
    await expect(stores.idempotency.once(other, async () => 'second')).rejects.toMatchObject({
      reason: 'idempotency_conflict',
    })
  })

  test('belongs to one client of one tenant', async () => {
    await stores.idempotency.once(scope('mine'), async () => 'mine')
    for (const foreign of [{ clientId: 'cl_2' }, { tenantId: 'other' }])
      expect(await stores.idempotency.once({ ...scope('mine'), ...foreign }, async () => 'theirs')).toEqual({
        answer: 'theirs',
        isReplay: false,
      })
  })

  test('whose work failed leaves no trace', async () => {
    const failing = stores.idempotency.once(scope('failed'), () => Promise.reject(new Error('provider away')))
    await expect(failing).rejects.toThrow('provider away')
    expect(await stores.idempotency.once(scope('failed'), async () => 'again')).toEqual({
      answer: 'again',
      isReplay: false,
    })
  })

  test('is forgotten after 24 hours', async () => {
    await stores.idempotency.once(scope('old'), async () => 'first')
    await age('23 hours')
    expect(await stores.idempotency.once(scope('old'), async () => 'second')).toMatchObject({ answer: 'first' })
    await age('1 hour')
    expect(await stores.idempotency.once(scope('old'), async () => 'second')).toMatchObject({ answer: 'second' })
  })

  test('of a caller that died is taken over after a minute, by one', async () => {
    const never = new Promise<string>(() => undefined)
    void stores.idempotency.once(scope('abandoned'), () => never)
    const waiting = Promise.all(
      Array.from({ length: 5 }, (_, index) => stores.idempotency.once(scope('abandoned'), async () => `heir ${index}`)),
    )
    await stores.sql('select pg_sleep(0.05)')
    await age('60 seconds')
    const answers = await waiting
    expect(new Set(answers.map((each) => each.answer)).size).toBe(1)
    expect(answers.filter((each) => !each.isReplay)).toHaveLength(1)
  })

  test('and its answer lie sealed', async () => {
    await stores.idempotency.once(scope('canary-key'), async () => 'canary-answer')
    const rows = await stores.sql('select i::text as text from idempotency_keys i')
    expect(JSON.stringify(rows)).not.toMatch(/canary|63616e617279/)
  })
})
