import type { Knex } from 'knex'
import { mapErrors } from './database-errors.js'

export type Binding = string | number | boolean | bigint | Date | Buffer | readonly string[] | null | undefined

/**
 * Runs one statement with named bindings (`:name`; undefined becomes null) and answers its rows. `Row` states what the
 * statement returns: the two stand side by side in every store. Throws `database_unavailable`.
 */
export async function query<Row>(on: Knex, sql: string, bindings: Record<string, Binding> = {}): Promise<Row[]> {
  const values = Object.entries(bindings).map(([name, value]) => [name, value === undefined ? null : parameter(value)])
  return mapErrors(async () => {
    const result: { rows: Row[] } = await on.raw(sql, Object.fromEntries(values) as Record<string, Knex.Value>)
    return result.rows
  })
}

const parameter = (value: Exclude<Binding, undefined>): unknown => (typeof value === 'bigint' ? String(value) : value)

/** Runs `work` in one transaction. Throws `database_unavailable`. */
export const transaction = <T>(on: Knex, work: (inside: Knex.Transaction) => Promise<T>): Promise<T> =>
  mapErrors(() => on.transaction(work))

/** The parts of a key as bindings. */
export const keyBindings = (key: { tenantId: string; connectionId: string }) => ({
  tenantId: key.tenantId,
  connectionId: key.connectionId,
})
