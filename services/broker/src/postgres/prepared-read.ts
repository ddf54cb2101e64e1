import type { QueryResultRow } from 'pg'
import type { Database } from './database.js'
import { isSessionLost, mapErrors } from './database-errors.js'

/**
 * A read by (tenant, id) over node-pg itself, the fastest way there is here: as a named statement, which PostgreSQL plans
 * once per session, unless a pooler stands between. `sql` takes $1 = tenant and $2 = id and answers one row or none.
 */
export function prepareRead<Row extends QueryResultRow>(
  database: Database,
  name: string,
  sql: string,
): (tenantId: string, id: string) => Promise<Row | undefined> {
  const statement = database.preparedStatements ? { name, text: sql } : { text: sql }
  const read = async (tenantId: string, id: string): Promise<Row | undefined> => {
    const { rows } = await database.reader.query<Row>({ ...statement, values: [tenantId, id] })
    return rows[0]
  }
  return (tenantId, id) =>
    mapErrors(() =>
      read(tenantId, id).catch((error: unknown) => {
        // After a restart of the server every pooled session fails once; a read can simply be asked again.
        if (!isSessionLost(error)) throw error
        return read(tenantId, id)
      }),
    )
}
