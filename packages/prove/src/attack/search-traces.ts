import { createReadStream, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ProofDatabase } from '../database.js'
import type { Recorder } from './recorder.js'
import type { Secrets } from './secrets.js'

// Owns the search for secrets and crashes in what the services leave behind: their logs and their database.

/** Answers how often each error was logged. */
export async function searchLogs(
  directory: string,
  recorder: Recorder,
  secrets: Secrets,
): Promise<Record<string, number>> {
  const errors: Record<string, number> = {}
  for (const file of readdirSync(directory)) {
    for await (const line of createInterface({ input: createReadStream(join(directory, file)) })) {
      const leak = secrets.findIn(line)
      if (leak !== undefined) recorder.violated('a secret in a log', `${file} ${leak} ${line}`)
      if (/unhandled ?rejection|uncaught ?exception/i.test(line)) recorder.violated('an unhandled rejection', line)
      const error = errorOf(line)
      if (error !== undefined) errors[error] = (errors[error] ?? 0) + 1
    }
  }
  return errors
}

const errorLevel = 50

function errorOf(line: string): string | undefined {
  if (!line.startsWith('{')) return line === '' ? undefined : `not a log line: ${line.slice(0, 80)}`
  const { level, msg, reason } = JSON.parse(line) as { level?: number | string; msg?: string; reason?: string }
  const isError = typeof level === 'number' ? level >= errorLevel : level === 'error' || level === 'fatal'
  return isError ? `${msg ?? 'no message'}${reason === undefined ? '' : ` (${reason})`}` : undefined
}

// What the lab mints, as text and as the hexadecimal text of bytes.
const minted = '(at|rt)_f[0-9]+_g[0-9]+_|code_[0-9a-f]{32}|5f66[0-9a-f]{2,12}5f67[0-9a-f]{2,12}5f'

/** No token may be readable in any column of any table. */
export async function searchDatabase(database: ProofDatabase, recorder: Recorder): Promise<void> {
  const tables = await database.rows<{ name: string }>(
    `select quote_ident(table_name) as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
  )
  for (const { name } of tables) {
    const [found] = await database.rows<{ count: number }>(
      `select count(*)::int as count from ${name} as candidate where candidate::text ~ $1`,
      [minted],
    )
    if ((found?.count ?? 0) > 0) recorder.violated('a secret in the database', `${name}: ${found?.count} rows`)
  }
}
