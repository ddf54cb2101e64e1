// Owns how the schema comes to be: numbered SQL files, applied once each, in order, with a ledger that is checked.
// Does not own when that happens: the command src/migrate.ts applies, the broker itself only looks (readiness).
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { ServiceError } from '@dromos/contract'

// The path is the same seen from src/postgres and from dist/postgres, where tsc copies no SQL.
const directory = new URL('../../src/postgres/migrations/', import.meta.url)

/** `NNNN_verb_noun.sql`; `checksum` is the SHA-256 of the text with LF line ends, hex. */
export type Migration = { name: string; checksum: string; sql: string }

/** A session of PostgreSQL, as much of it as migrating needs. */
export type Session = { query(sql: string, values?: unknown[]): Promise<{ rows: unknown[] }> }

type LedgerRow = { name: string; checksum: string }

const oldestServerVersion = 140_000
const lockId = '4920817345120936' // one number for every process that migrates; any other would do

/** Reads the migrations of this code. Throws on a misnamed file and on a number that is used twice. */
export function readMigrations(from: URL = directory): Migration[] {
  const names = readdirSync(from).sort()
  for (const [index, name] of names.entries()) {
    if (!/^\d{4}_[a-z0-9_]+\.sql$/.test(name)) throw refuse(`${name} is not named NNNN_verb_noun.sql`)
    if (names[index - 1]?.slice(0, 4) === name.slice(0, 4)) throw refuse(`two migrations have the number of ${name}`)
  }
  return names.map((name) => {
    // A checkout on Windows may have CRLF line ends: they are no edit.
    const sql = readFileSync(new URL(name, from), 'utf8').replaceAll('\r\n', '\n')
    return { name, checksum: createHash('sha256').update(sql).digest('hex'), sql }
  })
}

/**
 * Applies what is missing and answers the names. Each file runs in a transaction of its own together with its ledger row,
 * under a lock of that transaction, so that any number of processes may start at once, also through a pooler.
 * Throws a ServiceError when an applied migration was edited or removed, or when the server is too old.
 */
export async function migrate(
  session: Session,
  migrations: readonly Migration[],
  on: { applied(name: string): void; warning(sentence: string): void },
): Promise<string[]> {
  const applied: string[] = []
  await requireServerVersion(session)
  for (let round = 0; round <= migrations.length; round++) {
    const next = await inTransaction(session, () => applyNext(session, migrations))
    if (next === undefined) break
    applied.push(next)
    on.applied(next)
  }
  const newer = unknownIn(await readLedger(session), migrations)
  if (newer.length > 0)
    on.warning(`the database is newer than this code (${newer.join(', ')}); older code runs on a newer schema`)
  return applied
}

/** Names that `migrate` would apply; for readiness. A database newer than the code has nothing pending. */
export async function pendingMigrations(session: Session, migrations = readMigrations()): Promise<string[]> {
  const { rows } = await session.query(`select to_regclass('schema_migrations') is not null as "exists"`)
  const hasLedger = (rows as { exists: boolean }[])[0]?.exists === true
  const known = new Set(hasLedger ? (await readLedger(session)).map((row) => row.name) : [])
  return migrations.map((each) => each.name).filter((name) => !known.has(name))
}

async function applyNext(session: Session, migrations: readonly Migration[]): Promise<string | undefined> {
  await session.query(`set local lock_timeout = '60s'`)
  await session.query('select pg_advisory_xact_lock($1)', [lockId])
  await session.query(
    `create table if not exists schema_migrations (
       name text primary key, checksum text not null, applied_at timestamptz not null default now())`,
  )
  const ledger = await readLedger(session)
  refuseChangedHistory(ledger, migrations)
  const known = new Set(ledger.map((row) => row.name))
  const next = migrations.find((each) => !known.has(each.name))
  if (next === undefined) return undefined
  // Waiting behind a long query would make every later query wait behind us.
  await session.query(`set local lock_timeout = '10s'`)
  await session.query(next.sql).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : 'unknown trouble'
    throw new ServiceError('internal_error', `${next.name} failed and was rolled back: ${why}`, { cause })
  })
  await session.query('insert into schema_migrations (name, checksum) values ($1, $2)', [next.name, next.checksum])
  return next.name
}

function refuseChangedHistory(ledger: readonly LedgerRow[], migrations: readonly Migration[]): void {
  const files = new Map(migrations.map((each) => [each.name, each.checksum]))
  const newest = migrations.at(-1)?.name ?? ''
  for (const { name, checksum } of ledger) {
    const file = files.get(name)
    if (file === undefined && name < newest)
      throw refuse(
        `${name} was applied to this database but its file is missing: restore it, migrations only go forward`,
      )
    if (file !== undefined && file !== checksum)
      throw refuse(`${name} was edited after it was applied: restore it and put the change into a new migration`)
  }
  const last = ledger.at(-1)?.name ?? ''
  const late = migrations.find((each) => each.name < last && !ledger.some((row) => row.name === each.name))
  if (late !== undefined)
    throw refuse(`${late.name} comes before ${last}, which is applied: give it a number after that one`)
}

const unknownIn = (ledger: readonly LedgerRow[], migrations: readonly Migration[]): string[] =>
  ledger.map((row) => row.name).filter((name) => !migrations.some((each) => each.name === name))

async function readLedger(session: Session): Promise<LedgerRow[]> {
  const { rows } = await session.query('select name, checksum from schema_migrations order by name collate "C"')
  return rows as LedgerRow[]
}

async function requireServerVersion(session: Session): Promise<void> {
  const { rows } = await session.query(`select current_setting('server_version_num')::int as number`)
  const version = (rows as { number: number }[])[0]?.number ?? 0
  if (version < oldestServerVersion)
    throw refuse(`PostgreSQL ${Math.floor(version / 10_000)} is too old: this needs PostgreSQL 14 or newer`)
}

async function inTransaction<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.query('begin')
  try {
    const result = await work()
    await session.query('commit')
    return result
  } catch (error) {
    await session.query('rollback').catch(() => undefined) // the session is gone: the transaction with it
    throw error
  }
}

const refuse = (message: string): ServiceError => new ServiceError('internal_error', message)
