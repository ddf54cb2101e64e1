import type { QueryResultRow } from 'pg'
import type { Database } from './database.js'
import { isSessionLost, mapErrors } from './database-errors.js'

type Waiter<Row> = {
  keys: readonly string[]
  resolve(row: Row | undefined): void
  reject(error: unknown): void
}

const rowsPerStatement = 200
/** As many as the reader has sessions: what comes meanwhile waits for one of them and shares its next statement. */
const statementsAtOnce = 2

/**
 * A read of one row by its key over node-pg itself. Reads of the same moment share one statement, which doubles what one core
 * reads; a single one waits for nobody. Statements are named, so that PostgreSQL plans them once per session, unless a
 * pooler stands between. `sql` takes the parts of the key as texts, $1 and so on, and answers one row or none. What a read
 * gets was true after it was asked for: it shares only statements that had not begun.
 */
export function prepareRead<Row extends QueryResultRow>(
  database: Database,
  name: string,
  sql: string,
): (...keys: string[]) => Promise<Row | undefined> {
  const parts = [...new Set(sql.match(/\$\d/g))].sort()
  const statement = database.preparedStatements ? { name, text: together(sql, parts) } : { text: together(sql, parts) }
  const waiting: Waiter<Row>[] = []
  let underWay = 0
  let isScheduled = false

  const schedule = (): void => {
    if (isScheduled || underWay >= statementsAtOnce || waiting.length === 0) return
    isScheduled = true
    setImmediate(() => {
      isScheduled = false
      underWay++
      void readTogether(waiting.splice(0, rowsPerStatement)).finally(() => {
        underWay--
        schedule()
      })
      schedule()
    })
  }

  const readTogether = async (batch: Waiter<Row>[]): Promise<void> => {
    const values = parts.map((_, part) => batch.map(({ keys }) => keys[part]))
    const ask = () => database.reader.query<Row & { position: number }>({ ...statement, values })
    try {
      const { rows } = await mapErrors(() =>
        ask().catch((error: unknown) => {
          // After a restart of the server every pooled session fails once; a read can simply be asked again.
          if (!isSessionLost(error)) throw error
          return ask()
        }),
      )
      const found = new Map<number, Row>(rows.map((row) => [row.position, row]))
      batch.forEach(({ resolve }, index) => resolve(found.get(index + 1)))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  return (...keys) =>
    new Promise((resolve, reject) => {
      waiting.push({ keys, resolve, reject })
      schedule()
    })
}

/** The statement for many keys at once; `position` says which, counted from 1. */
function together(sql: string, parts: readonly string[]): string {
  const names = parts.map((part) => `key${part.slice(1)}`)
  const one = parts.reduce((text, part, index) => text.replaceAll(part, `wanted.${names[index]}`), sql)
  return `
  select wanted.position::int as position, found.*
  from unnest(${parts.map((part) => `${part}::text[]`).join(', ')}) with ordinality as wanted (${names.join(', ')}, position)
  cross join lateral (${one}) as found`
}
