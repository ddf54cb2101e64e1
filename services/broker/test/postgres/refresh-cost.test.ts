import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Stores } from '../../src/postgres/create-stores.js'
import { eventually } from './eventually.js'
import { captured, givenProvider, startStores, type TestStores } from './start-stores.js'

// What refreshes cost PostgreSQL, by its own counters. Nobody vacuums here: on a busy table that may take hours.

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
  const own = stores.replica()
  await work(own.stores)
  await own.stores.close()
  await own.database.close() // a session tells what it did when it ends
  await eventually(async () => JSON.stringify(await read()) !== JSON.stringify(before))
  const after = Object.entries(await read())
  return Object.fromEntries(after.map(([name, count]) => [name, Number(count) - Number(before[name])])) as Record<Name, number> // prettier-ignore
}

const given = async (count: number, dueAt: string, providerId: string): Promise<void> => {
  await stores.sql(
    `insert into connections (tenant_id, id, workspace_id, provider_id, created_by, status, sealed_credentials, version,
                              last_used_at, next_refresh_at)
     select 'default', $2 || '-' || n, 'w', $3, 'operator', 'active', '\\x00', 1, now(), $2::timestamptz
     from generate_series(1, $1) n`,
    [count, dueAt, providerId],
  )
}

const now = new Date('2026-01-01T12:00:00Z')
const heldUntil = new Date('2026-01-01T12:01:00Z')
const claim = ({ schedule }: Stores) => schedule.claim({ now, heldUntil, limit: 25, busyProviders: [] })

test('claims read the connections that are due, not all that were refreshed since the last vacuum', async () => {
  const providerId = await givenProvider(stores)
  await given(10_000, '2026-06-01', providerId)
  await given(25, '2026-01-01T00:01:00Z', providerId)
  await stores.sql('analyze connections')
  await given(975, '2026-01-01', providerId)
  let claimed = 0
  const { entries } = await counted<'entries'>(
    `select idx_tup_read as entries from pg_stat_user_indexes where indexrelname = 'connections_due'`,
    async (own) => {
      for (let rows = await claim(own); rows.length > 0; rows = await claim(own)) {
        claimed += rows.length
        const refreshed = rows.map(({ key }) => key.connectionId)
        await stores.sql(`update connections set next_refresh_at = '2026-06-01' where id = any($1)`, [refreshed])
      }
    },
  )
  expect(claimed).toBe(1_000)
  expect(entries).toBeLessThan(5_000)
})

test('a refresh writes the indexes of its connection once, when it is known when the next one is due', async () => {
  await given(1, '2026-01-01', await givenProvider(stores))
  const { updates, withoutIndexes } = await counted<'updates' | 'withoutIndexes'>(
    `select n_tup_upd as updates, n_tup_hot_upd as "withoutIndexes" from pg_stat_user_tables where relname = 'connections'`,
    async (own) => {
      const [due] = await claim(own)
      if (due === undefined) throw new Error('nothing was due')
      const want = { version: 1, leaseMs: 15_000, takesOver: false, fingerprint: Buffer.alloc(32) }
      const { fence = 0 } = (await own.leases.acquire(due.key, want)) ?? {}
      await own.leases.capture(due.key, { fence, version: 1 }, { ...captured('2'), nextRefreshAt: heldUntil })
      await own.leases.settle(due.key, fence, { reason: undefined, attempt: 'idle', backoffMs: 0 })
    },
  )
  expect({ updates, withoutIndexes }).toEqual({ updates: 4, withoutIndexes: 3 })
})
