import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { ConnectionKey } from '../../src/domain/connection.js'
import type { Stores } from '../../src/postgres/create-stores.js'
import { eventually } from './eventually.js'
import { captured, eventAbout, givenProvider, startStores, type TestStores } from './start-stores.js'

// What refreshes cost PostgreSQL, by its own counters. Nobody vacuums here: on a busy table that may take hours.

// While a transaction of another suite lasts, in whatever database of this server, PostgreSQL takes no entry for dead.
jest.retryTimes(3)

let stores: TestStores
beforeEach(async () => {
  stores = await startStores()
  await stores.sql('alter table connections set (autovacuum_enabled = off)')
})
afterEach(() => stores.stop())

/** Runs `work` over stores of their own and answers what it added to a row of counters of the statistics. */
async function counted<Name extends string>(
  counters: string,
  work: (from: Stores) => Promise<unknown>,
): Promise<Record<Name, number>> {
  const read = async () => (await stores.sql(counters))[0] ?? {}
  await stores.sql('select pg_stat_force_next_flush()')
  const before = await read()
  const own = stores.replica({ applicationName: 'counted' })
  await work(own.stores)
  await own.stores.close()
  await own.database.close()
  // A session tells what it did when it ends.
  const sessions = `select 1 from pg_stat_activity where application_name = 'counted'`
  await eventually(async () => (await stores.sql(sessions)).length === 0)
  const after = Object.entries(await read())
  return Object.fromEntries(after.map(([name, count]) => [name, Number(count) - Number(before[name])])) as Record<Name, number> // prettier-ignore
}

/** Due at a random moment of the ten days before. */
const given = async (count: number, dueAt: string, providerId: string): Promise<void> => {
  await stores.sql(
    `insert into connections (tenant_id, id, workspace_id, provider_id, created_by, status, sealed_credentials, version,
                              last_used_at, next_refresh_at)
     select 'default', $2 || '-' || n, 'w', $3, 'operator', 'active', decode(repeat('00', 700), 'hex'), 1, now(),
            $2::timestamptz - random() * interval '10 days'
     from generate_series(1, $1) n`,
    [count, dueAt, providerId],
  )
}

const now = new Date('2026-01-01T12:00:00Z')
const heldUntil = new Date('2026-01-01T12:01:00Z')
const claim = ({ schedule }: Stores, busyProviders: string[] = []) =>
  schedule.claim({ now, heldUntil, limit: 25, busyProviders })

test.each([
  ['none is busy', 1_000],
  ['the provider of nearly all rows is busy', 980],
])('claims read what is due, not all that was refreshed since the last vacuum: %s', async (_, claimable) => {
  const providerId = await givenProvider(stores)
  const isBusy = claimable === 980
  const greatProviderId = isBusy ? await givenProvider(stores) : providerId
  await given(10_000, '2026-06-01', greatProviderId)
  await stores.sql(`update connections set next_refresh_at = '2026-01-01'
                    where id in (select id from connections order by random() limit 20)`) // prettier-ignore
  await stores.sql('analyze connections') // from now on PostgreSQL believes that so few are due that it could sort them
  await given(980, '2026-01-01', providerId)
  let claimed = 0
  const { entries } = await counted<'entries'>(
    `select idx_tup_read as entries from pg_stat_user_indexes where indexrelname = 'connections_due'`,
    async (own) => {
      const claimNext = () => claim(own, isBusy ? [greatProviderId] : [])
      for (let rows = await claimNext(); rows.length > 0; rows = await claimNext()) {
        claimed += rows.length
        const refreshed = rows.map(({ key }) => key.connectionId)
        await stores.sql(`update connections set next_refresh_at = '2026-05-31' where id = any($1)`, [refreshed])
      }
    },
  )
  expect(claimed).toBe(claimable)
  expect(entries).toBeLessThan(4_000)
})

const updatesOfConnections = `select n_tup_upd as updates, n_tup_hot_upd as "withoutIndexes"
  from pg_stat_user_tables where relname = 'connections'`

type Ended = (own: Stores, key: ConnectionKey, fence: number) => Promise<unknown>
const next = { ...captured('2'), nextRefresh: { at: heldUntil, schedule: undefined } }
const well = { attempt: 'idle', backoffMs: 0 } as const

const endings: readonly { how: string; ended: Ended; updates: number }[] = [
  {
    how: 'with an answer that nobody has to judge',
    ended: ({ leases }, key, fence) =>
      leases.complete(key, { fence, version: 1 }, next, well, eventAbout(key, 'token_refreshed')),
    updates: 3,
  },
  {
    how: 'by a judge',
    async ended({ leases }, key, fence) {
      await leases.capture(key, { fence, version: 1 }, next)
      await leases.settle(key, fence, { ...well, reason: undefined }, eventAbout(key, 'token_refreshed'))
    },
    updates: 4,
  },
]

test('a use after a long rest writes no index where no plan depends on it', async () => {
  await given(1, '2026-01-01', await givenProvider(stores, { refresh_schedule: 'on_demand' }))
  const [row] = await stores.sql('update connections set last_used_at = null returning id')
  const key = { tenantId: 'default', connectionId: String(row?.id) }
  const counts = await counted<'updates' | 'withoutIndexes'>(updatesOfConnections, (own) =>
    own.schedule.noteUses([{ key, at: now }]),
  )
  expect(counts).toEqual({ updates: 1, withoutIndexes: 1 })
})

test.each(endings)('a refresh that ends $how writes the indexes of its connection once', async ({ ended, updates }) => {
  await given(1, '2026-01-01', await givenProvider(stores))
  const counts = await counted<'updates' | 'withoutIndexes'>(updatesOfConnections, async (own) => {
    const [due] = await claim(own)
    if (due === undefined) throw new Error('nothing was due')
    const want = { version: 1, leaseMs: 15_000, takesOver: false, fingerprint: Buffer.alloc(32) }
    const { fence = 0 } = (await own.leases.acquire(due.key, want)) ?? {}
    await ended(own, due.key, fence)
  })
  expect(counts).toEqual({ updates, withoutIndexes: updates - 1 })
})
