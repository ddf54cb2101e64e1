import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import type { ConnectionKey } from '../../src/domain/connection.js'
import type { LeaseStore } from '../../src/flows/ports/refresh.js'
import { behindALock } from './behind-a-lock.js'
import { captured, eventAbout, givenActive, startStores, type TestStores } from './start-stores.js'

// Owns the claims about refreshes of the same moment, which share statements and commits.

let stores: TestStores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores.stop())

const wish = { version: 1, leaseMs: 15_000, takesOver: false, fingerprint: Buffer.alloc(32, 1) }
const well = { reason: undefined, attempt: 'idle', backoffMs: 0 } as const
const held = { fence: 1, version: 1 }

const givenSome = async (count: number): Promise<ConnectionKey[]> => {
  const keys: ConnectionKey[] = []
  for (let made = 0; made < count; made++) keys.push(await givenActive(stores))
  return keys
}
const leaseAll = (keys: readonly ConnectionKey[], leases: LeaseStore = stores.leases) =>
  Promise.all(keys.map((key) => leases.acquire(key, wish)))

const commitsOf = async (keys: readonly ConnectionKey[]) => {
  const sql = 'select count(distinct xmin::text)::int as count from connections where id = any($1)'
  return (await stores.sql(sql, [keys.map(({ connectionId }) => connectionId)]))[0]?.['count']
}

test('leases, captures and ends of the same moment share a commit each, and each is answered for itself', async () => {
  const keys = await givenSome(12)
  const [first, ...rest] = keys
  if (first === undefined) throw new Error('no connections')
  await stores.leases.acquire(first, wish)
  const leases = await leaseAll(keys)
  expect(leases.map((lease) => lease?.fence)).toEqual([undefined, ...Array<number>(11).fill(1)])
  expect(await commitsOf(rest)).toBe(1)

  const captures = await Promise.all(
    keys.map((key, turn) =>
      stores.leases.capture(key, turn === 1 ? { ...held, fence: 9 } : held, captured(`t-${turn}`)),
    ),
  )
  expect(captures).toEqual(['stored', 'fenced', ...Array<string>(10).fill('stored')])
  expect(await commitsOf(keys.filter((_, turn) => turn !== 1))).toBe(1)
  const rows = await Promise.all(keys.map((key) => stores.leases.view(key, false)))
  const sealed = keys.map((_, turn) => captured(`t-${turn}`).sealed)
  expect(rows.filter((_, turn) => turn !== 1).map((row) => row?.sealedCredentials)).toEqual(
    sealed.filter((_, turn) => turn !== 1),
  )

  const dead = { ...well, reason: 'revoked' } as const
  const ends = await Promise.all(
    keys.map((key, turn) =>
      stores.leases.settle(key, turn === 2 ? 9 : 1, turn === 3 ? dead : well, eventAbout(key, 'token_refreshed')),
    ),
  )
  expect(ends).toEqual(['settled', 'settled', 'fenced', ...Array<string>(9).fill('settled')])
  expect(await commitsOf(keys.filter((_, turn) => turn !== 2))).toBe(1)
  const views = await Promise.all(keys.map((key) => stores.leases.view(key, false)))
  expect(views.map((view) => view?.status)).toEqual(keys.map((_, turn) => (turn === 3 ? 'attention' : 'active')))
})

test('one that PostgreSQL refuses takes no other with it', async () => {
  const keys = await givenSome(3)
  await leaseAll(keys)
  const ends = await Promise.allSettled(
    keys.map((key, turn) =>
      stores.leases.settle(key, 1, { ...well, backoffMs: turn === 1 ? 1e300 : 0 }, eventAbout(key, 'token_refreshed')),
    ),
  )
  expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})

test('one whose row somebody holds for long takes no other with it', async () => {
  const { leases } = stores.replica({ timeouts: { statementMs: 250 } }).stores
  const keys = await givenSome(3)
  const session = new pg.Client({ connectionString: stores.url })
  await session.connect()
  await session.query('begin')
  await session.query('select 1 from connections where id = $1 for update', [keys[1]?.connectionId])
  const granted = await Promise.allSettled(keys.map((key) => leases.acquire(key, wish)))
  await session.end()
  expect(granted.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})

test('processes that want the same leases in opposite orders do not wait for each other in a circle', async () => {
  const keys = await givenSome(12)
  const replicas = [stores.replica().stores, stores.replica().stores]
  const leases = await behindALock(stores, keys[6]?.connectionId ?? '', 2, () =>
    Promise.all(replicas.map((each, turn) => leaseAll(turn === 0 ? keys : keys.toReversed(), each.leases))),
  )
  expect(leases.flat().filter((lease) => lease !== undefined)).toHaveLength(12)
  expect(await stores.sql('select deadlocks::int from pg_stat_database where datname = current_database()')).toEqual([
    { deadlocks: 0 },
  ])
})
