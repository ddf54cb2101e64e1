import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { untouched } from '../../src/flows/activate-grant.js'
import type { ConsentOf, NewAuthorizationRequest } from '../../src/flows/ports/connections.js'
import { behindALock } from './behind-a-lock.js'
import { captured, givenPending, nothingKnown, startStores, type TestStores } from './start-stores.js'

// Owns what the statements promise about a grant that waits for its completion, whatever the flows above them forget (A5).

let stores: TestStores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores.stop())

const newDigest = (): Buffer => randomBytes(32)
const sealed = Buffer.from('sealed(held)')

/** A consent of an application that demands completion, its grant held under a code. */
async function givenHeld(): Promise<{ request: NewAuthorizationRequest; code: Buffer }> {
  const request = await givenPending(stores, { completionChallenge: 'c'.repeat(43) })
  const code = newDigest()
  expect(await stores.completions.hold(request, { sealed, connectCodeDigest: code })).toBe(true)
  return { request, code }
}

const withCode = ({ key, id }: ConsentOf, code: Buffer | undefined): ConsentOf => ({
  key,
  id,
  ...(code && { connectCodeDigest: code }),
})

const complete = (request: ConsentOf, code: Buffer | undefined, from = stores, text = 'granted'): Promise<boolean> =>
  from.connections.activate(withCode(request, code), untouched, { ...nothingKnown, ...captured(text) }, [])

const rowsOf = ({ key, id }: ConsentOf) =>
  stores.sql(
    `select row_to_json(c) as connection, row_to_json(r) as request
     from connections c join authorization_requests r on r.id = $2 where c.id = $1`,
    [key.connectionId, id],
  )

const outlive = ({ id }: ConsentOf) =>
  stores.sql(`update authorization_requests set connect_code_expires_at = now() where id = $1`, [id])

describe('a held grant', () => {
  test('is put into its connection by its code', async () => {
    const { request, code } = await givenHeld()
    expect(await stores.completions.findHeld(request.key, code)).toMatchObject({ sealed, request: { id: request.id } })
    expect(await stores.connections.activationTarget(withCode(request, code))).toMatchObject({
      status: 'pending',
      version: 0,
    })
    expect(await complete(request, code)).toBe(true)
    expect(await rowsOf(request)).toMatchObject([
      { connection: { status: 'active', version: 1 }, request: { connect_code_digest: null, sealed_captured: null } },
    ])
  })

  const refused: [string, () => Promise<{ request: ConsentOf; code: Buffer | undefined }>][] = [
    ['no code at all', async () => ({ ...(await givenHeld()), code: undefined })],
    ['a wrong code', async () => ({ ...(await givenHeld()), code: newDigest() })],
    ['the beginning of its code', async () => {
      const held = await givenHeld()
      return { ...held, code: held.code.subarray(0, 31) }
    }],
    ['the code of another connection', async () => ({ ...(await givenHeld()), code: (await givenHeld()).code })],
    ['the request and code of another connection', async () => {
      const [held, other] = [await givenHeld(), await givenHeld()]
      return { request: { key: held.request.key, id: other.request.id }, code: other.code }
    }],
    ['another tenant', async () => {
      const { request, code } = await givenHeld()
      return { request: { ...request, key: { ...request.key, tenantId: 'other' } }, code }
    }],
    ['a late code', async () => {
      const held = await givenHeld()
      await outlive(held.request)
      return held
    }],
    ['a code of a consent that failed', async () => {
      const held = await givenHeld()
      await stores.connections.fail(held.request, 'wrong_user')
      return held
    }],
  ] // prettier-ignore

  test.each(refused)('is put nowhere by %s, and no row changes', async (_what, arrange) => {
    const { request, code } = await arrange()
    const before = await rowsOf(request)
    if (code !== undefined) expect(await stores.completions.findHeld(request.key, code)).toBeUndefined()
    expect(await stores.connections.activationTarget(withCode(request, code))).toBeUndefined()
    expect(await complete(request, code)).toBe(false)
    expect(await rowsOf(request)).toEqual(before)
  })

  test('is taken once: its code, used again, changes nothing', async () => {
    const { request, code } = await givenHeld()
    expect(await complete(request, code, stores, 'first')).toBe(true)
    const before = await rowsOf(request)
    expect(await stores.completions.findHeld(request.key, code)).toBeUndefined()
    for (const version of [0, 1]) {
      const target = { ...untouched, version, fence: version }
      const result = { ...nothingKnown, ...captured('second') }
      expect(await stores.connections.activate(withCode(request, code), target, result, [])).toBe(false)
    }
    expect(await rowsOf(request)).toEqual(before)
  })

  test('of twenty completions at once, over three processes, one wins', async () => {
    const { request, code } = await givenHeld()
    const processes = [stores, { ...stores, ...stores.replica().stores }, { ...stores, ...stores.replica().stores }]
    const outcomes = await behindALock(stores, request.key.connectionId, 3, () =>
      Promise.all(
        Array.from({ length: 20 }, (_, index) => complete(request, code, processes[index % 3], `grant ${index}`)),
      ),
    )
    expect(outcomes.filter(Boolean)).toHaveLength(1)
    const [row] = await stores.sql('select version, sealed_credentials from connections where id = $1', [
      request.key.connectionId,
    ])
    expect(row).toEqual({ version: '1', sealed_credentials: captured(`grant ${outcomes.indexOf(true)}`).sealed })
  })

  test('is not held where no completion was asked for, and a code opens nothing there', async () => {
    const request = await givenPending(stores)
    const before = await rowsOf(request)
    expect(await stores.completions.hold(request, { sealed, connectCodeDigest: newDigest() })).toBe(false)
    expect(await complete(request, newDigest())).toBe(false)
    expect(await rowsOf(request)).toEqual(before)
  })
})
