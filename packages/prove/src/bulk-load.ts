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
