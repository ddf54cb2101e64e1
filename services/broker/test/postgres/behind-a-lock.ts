import pg from 'pg'
import { eventually } from './eventually.js'
import type { TestStores } from './start-stores.js'

/**
 * Starts `work` while another session holds a lock on the connection and its requests, and lets go when `waiters` statements
 * stand in line: all of them began before any of them ended, which is the race that happens once a month.
 */
export async function behindALock<T>(
  stores: TestStores,
  connectionId: string,
  waiters: number,
  work: () => Promise<T>,
): Promise<T> {
  const session = new pg.Client({ connectionString: stores.url })
  session.on('error', () => undefined)
  await session.connect()
  try {
    await session.query('begin')
    await session.query('select 1 from connections where id = $1 for update', [connectionId])
    await session.query('select 1 from authorization_requests where connection_id = $1 for update', [connectionId])
    const result = work()
    await eventually(async () => {
      const sql = `select count(*)::int as n from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock'`
      return Number((await stores.sql(sql))[0]?.n) >= waiters
    })
    await session.query('commit')
    return await result
  } finally {
    await session.end()
  }
}
