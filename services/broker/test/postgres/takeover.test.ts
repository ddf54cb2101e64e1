import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { ConnectionKey } from '../../src/domain/connection.js'
import { givenActive, startStores, type TestStores } from './start-stores.js'
import { eventually } from './eventually.js'

let stores: TestStores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores.stop())

const wish = { version: 1, leaseMs: 15_000, takesOver: false, fingerprint: Buffer.alloc(32, 1) }
const takeover = { ...wish, takesOver: true }

/** The server process whose session holds an owner's lock. */
async function lockedBy(owner: bigint): Promise<unknown> {
  const sql = `select pid from pg_locks where locktype = 'advisory' and granted
               and (classid::bigint << 32) + objid::bigint = $1::bigint`
  return (await stores.sql(sql, [String(owner)]))[0]?.pid
}

const isLockHeld = async (owner: bigint): Promise<boolean> => (await lockedBy(owner)) !== undefined

/** A connection leased by a process that has died since. */
async function givenDeadHolder(): Promise<ConnectionKey> {
  const key = await givenActive(stores)
  const dying = stores.replica()
  await eventually(() => isLockHeld(dying.stores.leases.owner))
  await eventually(async () => {
    const lease = await dying.stores.leases.acquire(key, wish)
    const [row] = await stores.sql('select lease_incarnation from connections where id = $1', [key.connectionId])
    if (row?.lease_incarnation) return true
    await dying.stores.leases.release(key, lease?.fence ?? 0, {
      attempt: 'idle',
      backoffMs: 0,
      error: 'none',
      countsAsFailure: false,
    })
    return false
  })
  await dying.stores.close()
  return key
}

const ageSuspicion = (key: ConnectionKey, seconds: number): Promise<unknown> =>
  stores.sql(`update connections set suspect_since = now() - make_interval(secs => $2) where id = $1`, [
    key.connectionId,
    seconds,
  ])

describe('a takeover', () => {
  test('happens when the holder was seen dead twice, 1.5 seconds apart', async () => {
    const key = await givenDeadHolder()
    expect(await stores.leases.view(key, false)).toMatchObject({ isLeased: true, ownerGoneMs: undefined })
    expect(await stores.leases.acquire(key, takeover)).toBeUndefined() // nobody has looked yet
    expect(await stores.leases.view(key, true)).toMatchObject({ isLeased: true, ownerGoneMs: 0 })
    expect(await stores.leases.acquire(key, takeover)).toBeUndefined()
    await ageSuspicion(key, 1.4)
    expect(await stores.leases.acquire(key, takeover)).toBeUndefined()
    await ageSuspicion(key, 1.6)
    expect((await stores.leases.view(key, true))?.ownerGoneMs).toBeGreaterThanOrEqual(1_600)
    expect(await stores.leases.acquire(key, wish)).toBeUndefined()
    expect(await stores.leases.acquire(key, takeover)).toMatchObject({ previous: 'sent' })
    expect(await stores.leases.view(key, true)).toMatchObject({ isLeased: true })
  })

  test('shares its suspicion with observers to come: the first sighting stays in the row', async () => {
    const key = await givenDeadHolder()
    await stores.leases.view(key, true)
    await ageSuspicion(key, 5)
    const fresh = stores.replica().stores.leases
    expect((await fresh.view(key, true))?.ownerGoneMs).toBeGreaterThanOrEqual(5_000)
  })

  test('is refused while the holder lives, whatever the row says', async () => {
    const key = await givenActive(stores)
    const holder = stores.replica().stores
    await eventually(() => isLockHeld(holder.leases.owner))
    await holder.leases.acquire(key, wish)
    await ageSuspicion(key, 60)
    expect(await stores.leases.acquire(key, takeover)).toBeUndefined()
    const looks = await Promise.all(Array.from({ length: 10 }, () => stores.leases.view(key, true)))
    expect(looks.map((each) => each?.ownerGoneMs)).toEqual(Array(10).fill(undefined))
    const rows = await stores.sql('select suspect_since from connections where id = $1', [key.connectionId])
    expect(rows).toEqual([{ suspect_since: null }]) // a life sign clears the suspicion
  })

  test('is refused after PostgreSQL restarted: its locks vanished, its holder did not', async () => {
    const key = await givenDeadHolder()
    await stores.sql(
      `update connections set lease_incarnation = lease_incarnation - interval '1 hour',
         suspect_since = now() - interval '1 minute' where id = $1`,
      [key.connectionId],
    )
    expect(await stores.leases.view(key, true)).toMatchObject({ isLeased: true, ownerGoneMs: undefined })
    expect(await stores.leases.acquire(key, takeover)).toBeUndefined()
  })

  test('is never possible from a holder behind a pooler, which holds no lock: its lease ends by time', async () => {
    const key = await givenActive(stores)
    await stores.replica({ preparedStatements: false }).stores.leases.acquire(key, wish)
    await ageSuspicion(key, 60)
    expect(await stores.leases.view(key, true)).toMatchObject({ isLeased: true, ownerGoneMs: undefined })
    expect(await stores.leases.acquire(key, takeover)).toBeUndefined()
  })
})

describe('the liveness lock', () => {
  test('is taken again after its session was ended', async () => {
    const { owner } = stores.leases
    await eventually(() => isLockHeld(owner))
    const pid = await lockedBy(owner)
    await stores.sql('select pg_terminate_backend($1)', [pid])
    await eventually(async () => ![pid, undefined].includes(await lockedBy(owner)))
  })

  test('is given back when the process ends in order', async () => {
    const { stores: ending } = stores.replica()
    await eventually(() => isLockHeld(ending.leases.owner))
    await ending.close()
    await eventually(async () => !(await isLockHeld(ending.leases.owner)))
  })
})
