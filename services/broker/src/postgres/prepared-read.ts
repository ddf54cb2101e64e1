import type { QueryResultRow } from 'pg'
import type { Database } from './database.js'
import { isSessionLost, mapErrors } from './database-errors.js'
import { runPrepared } from './run-prepared.js'
import { shareStatements } from './share-statements.js'

/** As many statements at once as the reader has sessions. */
const readsAtOnce = { atOnce: 2, mostItems: 200 }

/**
 * A read of one row by its key over node-pg itself. Reads of the same moment share one statement, which doubles what one core
 * reads; a single one waits for nobody. Statements are named, so that PostgreSQL plans them once per session, unless a
 * pooler stands between. `sql` takes the parts of the key as texts, $1 and so on, and answers one row or none. What a read
 * gets was true after it was asked for: it shares only statements that had not begun. Reads of the same key get the same
 * object, which nobody changes. `everyMs`: from the beginning of one statement to that of the next.
 */
export function prepareRead<Row extends QueryResultRow>(
  database: Database,
  name: string,
  sql: string,
  everyMs = 0,
): (...keys: string[]) => Promise<Row | undefined> {
  const parts = [...new Set(sql.match(/\$\d/g))].sort()
  const statement = { name: database.preparedStatements ? name : undefined, text: together(sql, parts) }

  const readTogether = async (batch: readonly (readonly string[])[]): Promise<{ row: Row | undefined }[]> => {
    const distinct = [...new Map(batch.map((keys) => [nameOf(keys), keys])).values()]
    const values = parts.map((_, part) => distinct.map((keys) => keys[part] ?? ''))
    const ask = () => runPrepared<Row & { position: number }>(database.reader, statement, values)
    const rows = await mapErrors(() =>
      ask().catch((error: unknown) => {
        // After a restart of the server every pooled session fails once; a read can simply be asked again.
        if (!isSessionLost(error)) throw error
        return ask()
      }),
    )
    const found = new Map<string, Row>(rows.map((row) => [nameOf(distinct[row.position - 1] ?? []), row]))
    return batch.map((keys) => ({ row: found.get(nameOf(keys)) }))
  }

  const read = shareStatements({ run: readTogether, ...readsAtOnce, everyMs })
  return async (...keys) => (await read(keys)).row
}

// No text of PostgreSQL holds a NUL.
const nameOf = (keys: readonly string[]): string => keys.join('\0')

/**
 * The statement for many keys at once; `position` says which, counted from 1. Hidden in a subquery, the arrays are of unknown
 * length whoever plans: else PostgreSQL would find a plan for just this length better, and plan each statement anew.
 */
function together(sql: string, parts: readonly string[]): string {
  const names = parts.map((part) => `key${part.slice(1)}`)
  const one = parts.reduce((text, part, index) => text.replaceAll(part, `wanted.${names[index]}`), sql)
  return `
  select wanted.position::int as position, found.*
  from unnest(${parts.map((part) => `(select ${part}::text[])`).join(', ')}) with ordinality as wanted (${names.join(', ')}, position)
  cross join lateral (${one}) as found`
}
