import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { ConnectionKey } from '../../src/domain/connection.js'
import { type CuttableLine, cuttableLine } from './cuttable-line.js'
import { eventually } from './eventually.js'
import { captured, givenActive, startStores, type TestStores } from './start-stores.js'

let stores: TestStores
let line: CuttableLine
beforeAll(async () => {
  stores = await startStores()
  line = await cuttableLine(stores.url)
})
afterAll(async () => {
  await stores.stop()
  await line.close()
})

const wish = { version: 1, leaseMs: 15_000, takesOver: false, fingerprint: Buffer.alloc(32, 1) }
const held = { fence: 1, version: 1 }
const unavailable = expect.objectContaining({ reason: 'database_unavailable', retryAfterSeconds: 2 })

const endSessions = (): Promise<unknown> =>
  stores.sql(`select pg_terminate_backend(pid) from pg_stat_activity
              where datname = current_database() and pid <> pg_backend_pid()`)

async function givenLeased(): Promise<ConnectionKey> {
  const key = await givenActive(stores)
  await stores.leases.acquire(key, wish)
  return key
}

/** True when the work is still going on after other work had every chance to run. */
async function isWaiting(work: Promise<unknown>): Promise<boolean> {
  return Promise.race([work.then(() => false, () => false), pause(300, true)]) // prettier-ignore
}

describe('sessions that the server ends', () => {
  test('cost at most their own statement, and a captured answer never', async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, givenLeased))
    const outcomes: unknown[] = []
    for (const key of keys) {
      const noise = [
        stores.leases.view(key, true),
        stores.connections.view(key),
        stores.connections.readCredentials(key),
        stores.leases.acquire(key, wish),
      ]
      const capture = stores.leases.capture(key, held, captured('second'))
      await endSessions()
      for (const each of await Promise.allSettled(noise))
        if (each.status === 'rejected') expect(each.reason).toEqual(unavailable)
      outcomes.push(await capture)
    }
    expect(outcomes).toEqual(Array(20).fill('stored'))
    const rows = await stores.sql(
      `select distinct version, attempt_state from connections where attempt_state <> 'idle'`,
    )
    expect(rows).toEqual([{ version: '2', attempt_state: 'captured' }])
  })

  test('in the middle of a transaction leave nothing half done and the pool whole', async () => {
    const { clientId } = await stores.clients.ensureClient({
      tenantId: 'default',
      name: 'cut-off',
      roles: ['agent'],
      mayReadRefreshTokens: false,
    })
    for (let round = 0; round < 20; round++) {
      const key = { keyId: `dk_cut${round}`, secretDigest: Buffer.alloc(32), expiresAt: new Date(0) }
      const [added] = await Promise.allSettled([stores.clients.addKey('default', clientId, key), endSessions()])
      if (added.status === 'rejected') expect(added.reason).toEqual(unavailable)
    }
    await eventually(async () => {
      const list = (): Promise<unknown> => stores.providers.list({ limit: 1, after: undefined })
      const answers = await Promise.allSettled(Array.from({ length: 30 }, list))
      return answers.every((each) => each.status === 'fulfilled')
    })
  })
})

describe('a database that is away', () => {
  test('refuses reads at once and says when to come back, while a captured answer waits and lands', async () => {
    const replica = stores.replica({ url: line.url })
    const key = await givenLeased()
    await replica.stores.connections.view(key)
    line.cut()
    await expect(replica.stores.connections.view(key)).rejects.toEqual(unavailable)
    await expect(replica.stores.connections.readCredentials(key)).rejects.toEqual(unavailable)
    await expect(replica.stores.leases.view(key, false)).rejects.toEqual(unavailable)
    const capture = replica.stores.leases.capture(key, held, captured('second'))
    const filing = replica.stores.leases.fileOrphan(key, 1, captured('late'))
    expect([await isWaiting(capture), await isWaiting(filing)]).toEqual([true, true])
    line.mend()
    expect(await capture).toBe('stored')
    await filing
    expect(await stores.leases.view(key, false)).toMatchObject({ version: 2, attempt: 'captured' })
  })

  test('a commit whose acknowledgement was lost is found to have been made', async () => {
    const replica = stores.replica({ url: line.url })
    const key = await givenLeased()
    line.loseAnswerTo('credentials_fence = fence')
    expect(await replica.stores.leases.capture(key, held, captured('second'))).toBe('stored')
    expect(await stores.leases.view(key, false)).toMatchObject({ version: 2 })
  })

  test('a late answer is fenced even when its first attempt to be stored was cut off', async () => {
    const replica = stores.replica({ url: line.url })
    const key = await givenLeased()
    line.cut()
    const capture = replica.stores.leases.capture(key, held, captured('late'))
    await stores.sql(`update connections set lease_until = now() - interval '1 second' where id = $1`, [
      key.connectionId,
    ])
    await stores.leases.acquire(key, wish)
    line.mend()
    expect(await capture).toBe('fenced')
  })

  test('the wait ends when the process does', async () => {
    const replica = stores.replica({ url: line.url })
    const key = await givenLeased()
    line.cut()
    const capture = replica.stores.leases.capture(key, held, captured('second'))
    expect(await isWaiting(capture)).toBe(true)
    await Promise.all([replica.database.close(), expect(capture).rejects.toThrow()])
    line.mend()
  })

  test('that falls silent is given up, and used again when it is back', async () => {
    const timeouts = { answerMs: 150, silenceMs: 400, acquireMs: 150 }
    const replica = stores.replica({ url: line.url, timeouts, poolSize: 2 })
    const key = await givenLeased()
    await Promise.all(Array.from({ length: 4 }, () => replica.stores.leases.view(key, false)))
    line.silence()
    for (let round = 0; round < 3; round++)
      await expect(replica.stores.leases.view(key, false)).rejects.toEqual(unavailable)
    await expect(replica.stores.connections.view(key)).rejects.toEqual(unavailable)
    line.mend()
    // The sessions are never idle long enough to be put away: their silence alone tells that they are lost.
    for (const ask of [() => replica.stores.leases.view(key, false), () => replica.stores.connections.view(key)])
      await eventually(() => ask().then((row) => row?.status === 'active', () => false)) // prettier-ignore
  })
})

describe('a database that refuses us', () => {
  test('for want of a schema says that migrations are missing', async () => {
    const empty = new URL(stores.url)
    empty.pathname = '/postgres'
    const replica = stores.replica({ url: empty.href })
    await expect(replica.stores.providers.findByName('x')).rejects.toMatchObject({
      reason: 'database_unavailable',
      message: 'the database lacks tables of this code: apply its migrations',
    })
    expect((await replica.stores.pendingMigrations())[0]).toBe('0001_create_core.sql')
    expect(await stores.pendingMigrations()).toEqual([])
  })

  test.each([
    ['the password is wrong', (url: URL) => (url.password = 'wrong')],
    ['the database does not exist', (url: URL) => (url.pathname = '/nowhere')],
  ])('because %s is unavailable', async (_why, spoil) => {
    const url = new URL(stores.url)
    spoil(url)
    await expect(stores.replica({ url: url.href }).stores.providers.findByName('x')).rejects.toEqual(unavailable)
  })
})

describe('sessions that are all in use', () => {
  test('refuse ordinary work after a wait, while a token is stored over the reserved ones (fault 76)', async () => {
    const replica = stores.replica({ poolSize: 2, timeouts: { acquireMs: 200 } })
    const key = await givenLeased()
    const busy = [1, 2].map(() => replica.database.knex.raw('select pg_sleep(1.5)').then(() => 'free again'))
    await expect(replica.stores.leases.view(key, true)).rejects.toEqual(unavailable)
    const capture = replica.stores.leases.capture(key, held, captured('second'))
    expect(await Promise.race([capture, ...busy])).toBe('stored')
    expect(await replica.stores.connections.view(key)).toMatchObject({ status: 'active' })
    await Promise.all(busy)
  })
})

describe('a database that answers and refuses', () => {
  test('is asked again a few times, then the refusal is reported', async () => {
    const key = await givenLeased()
    const text = 'the disk says no'
    await stores.sql(`create function refuse() returns trigger language plpgsql as $$ begin raise '${text}'; end $$`)
    await stores.sql('create trigger refuse before update on connections for each row execute function refuse()')
    await expect(stores.leases.capture(key, held, captured('second'))).rejects.toThrow(text)
    const capture = stores.leases.capture(key, held, captured('second'))
    await stores.sql('drop trigger refuse on connections')
    expect(await capture).toBe('stored')
  })
})
