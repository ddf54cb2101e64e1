import type { ProofDatabase } from './database.js'

// Owns how a million connections get into the table in seconds: without its great indexes, which are then built in one go, sorted.

/** Runs `insert` while the table has its primary key and its partial indexes alone (the brokers look through those); afterwards it is as if it had long been in use. */
export async function loadConnections(database: ProofDatabase, insert: () => Promise<void>): Promise<void> {
  const indexes = await database.rows<{ name: string; definition: string }>(
    `select indexname as name, indexdef as definition from pg_indexes
     where tablename = 'connections' and indexdef not like '% where %'
       and indexname not in (select conname from pg_constraint)`,
  )
  for (const { name } of indexes) await database.rows(`drop index ${name}`)
  await insert()
  for (const { definition } of indexes) await database.rows(definition)
  await database.rows('vacuum analyze connections')
  await database.rows('checkpoint')
}

const rowsPerStatement = 100_000

/** Rows whose time does not come for a quarter of an hour. Nobody opens them, so they hold as many bytes and no grant. */
export async function seedIdle(
  database: ProofDatabase,
  providerId: string,
  count: number,
  progress: (made: number) => void,
): Promise<void> {
  await loadConnections(database, async () => {
    for (let made = 0; made < count; progress(made)) {
      const from = made
      made = Math.min(made + rowsPerStatement, count)
      await database.rows(
        `insert into connections (tenant_id, id, workspace_id, provider_id, created_by, status, sealed_credentials, version,
                                  expires_at, last_refreshed_at, last_used_at, next_refresh_at)
         select 'default', 'cn_' || md5(n::text), 'user-' || n % 1000, $1, 'prove', 'active',
                decode(repeat(md5(n::text), 20), 'hex'), 1, now() + interval '2 hours', now(), now(),
                now() + interval '20 minutes' + n % 3000 * interval '1 second'
         from generate_series($2::int, $3::int) n order by 2`,
        [providerId, from, made - 1],
      )
    }
  })
}
