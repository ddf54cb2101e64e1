import type { QueryResultRow } from 'pg'
import type { Database } from './database.js'
import { isSessionLost, mapErrors } from './database-errors.js'

type Waiter<Row> = {
  tenantId: string
  id: string
  resolve(row: Row | undefined): void
  reject(error: unknown): void
}

const rowsPerStatement = 200
/** As many as the reader has sessions: what comes meanwhile waits for one of them and shares its next statement. */
const statementsAtOnce = 2

/**
 * A read by (tenant, id) over node-pg itself. Reads of the same moment share one statement, which doubles what one core
 * reads; a single one waits for nobody. Statements are named, so that PostgreSQL plans them once per session, unless a
 * pooler stands between. `sql` takes $1 = tenant and $2 = id and answers one row or none.
 */
export function prepareRead<Row extends QueryResultRow>(
  database: Database,
  name: string,
  sql: string,
): (tenantId: string, id: string) => Promise<Row | undefined> {
  const statement = database.preparedStatements ? { name, text: together(sql) } : { text: together(sql) }
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
    const values = [batch.map((each) => each.tenantId), batch.map((each) => each.id)]
    const ask = () => database.reader.query<Row & { position: number }>({ ...statement, values })
    try {
      const { rows } = await mapErrors(() =>
        ask().catch((error: unknown) => {
          // After a restart of the server every pooled session fails once; a read can simply be asked again.
          if (!isSessionLost(error)) throw error
          return ask()
        }),
      )
      const found = new Map(rows.map(({ position, ...row }) => [position, row]))
      batch.forEach(({ resolve }, index) => resolve(found.get(index + 1) as Row | undefined))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  return (tenantId, id) =>
    new Promise((resolve, reject) => {
      waiting.push({ tenantId, id, resolve, reject })
      schedule()
    })
}

/** The statement for many keys at once; `position` says which, counted from 1. */
const together = (sql: string): string => `
  select wanted.position::int as position, found.*
  from unnest($1::text[], $2::text[]) with ordinality as wanted (tenant_id, id, position)
  cross join lateral (${sql.replaceAll('$1', 'wanted.tenant_id').replaceAll('$2', 'wanted.id')}) as found`
