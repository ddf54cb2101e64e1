import type { Pool, QueryResultRow } from 'pg'
import type { Database } from './database.js'
import { mapErrors } from './database-errors.js'
import type { Binding } from './query.js'
import { runPrepared } from './run-prepared.js'

/** Runs the statement over one of the pools; undefined becomes null. Throws `database_unavailable`. */
export type Statement<Row> = (on: Pool, bindings: Readonly<Record<string, Binding>>) => Promise<Row[]>

/**
 * A statement of every refresh over node-pg itself: its names (`:name`) are numbered once, and PostgreSQL parses and plans it
 * once per session instead of each time, unless a pooler stands between. `Row` states what it returns.
 */
export function prepareStatement<Row extends QueryResultRow>(
  { preparedStatements }: Pick<Database, 'preparedStatements'>,
  name: string,
  sql: string,
): Statement<Row> {
  const names: string[] = []
  // Not the second colon of a cast.
  const text = sql.replace(/(?<!:):([a-zA-Z]\w*)/g, (_found, each: string) => {
    if (!names.includes(each)) names.push(each)
    return `$${names.indexOf(each) + 1}`
  })
  const statement = { name: preparedStatements ? name : undefined, text }
  return (on, bindings) =>
    mapErrors(() =>
      runPrepared<Row>(
        on,
        statement,
        names.map((each) => bindings[each]),
      ),
    )
}
