import type { Pool, QueryResultRow } from 'pg'
import type { ConsentOf } from '../flows/ports/connections.js'
import type { Database } from './database.js'
import { isStatementTimeout, isUnreachable } from './database-errors.js'
import { prepareStatement } from './prepare-statement.js'
import { shareStatements } from './share-statements.js'

// Owns how writes of one moment share a statement, so a commit. Does not own what they write.

/** One write: the connection or consent it is for, and what else its statement takes, as JSON; bytes by `toHex`. */
export type Wanted = Readonly<Record<string, unknown>> & {
  readonly tenant_id: string
  readonly connection_id: string
  readonly request_id?: string
}

/**
 * `atOnce`: statements under way at once. `atMost`: writes in one of them, 100 when left out. `everyMs`: from the beginning of one
 * to that of the next, 0 when left out.
 */
export type SharedWrite = { on: Pool; atOnce: number; atMost?: number; everyMs?: number }

/** Columns of every write for a connection. */
export const wantedConnection = 'position int, tenant_id text, connection_id text'
/** Columns of every write for a consent. */
export const wantedKey = `${wantedConnection}, request_id text`

/**
 * SQL of the writes of a statement in their order, to be followed by `as w (columns)`. They come as one text, a line of JSON
 * each, which costs both sides less than an array literal and its quotes. However many came, PostgreSQL believes in ten, so one
 * plan serves all, and it goes by the keys also in a table of some hundred rows; of `json_to_recordset` it would believe in a
 * hundred, and read the whole table up to some thousand.
 */
export const wantedRows = `unnest((select string_to_array(:rows, E'\\n'))) as line cross join lateral json_to_record(line::json)`

const mostWrites = 100

/**
 * A statement that writes for many connections or consents at once: it takes them by `wantedRows` (each with its `position`)
 * and answers at most one row for each, with that position. A write resolves when it is committed. One that the tables refuse is
 * tried again alone, so it does not take the others with it; two for one connection never share a statement, in which both would
 * see the row as it was and both believe to have won. Rows are in the order of
 * their keys: statements that lock them one by one never wait for each other in a circle. Throws `database_unavailable`.
 */
export function prepareWrite<Row extends QueryResultRow>(
  database: Pick<Database, 'preparedStatements'>,
  name: string,
  sql: string,
  { on, atOnce, atMost = mostWrites, everyMs = 0 }: SharedWrite,
): (wanted: Wanted) => Promise<Row | undefined> {
  const statement = prepareStatement<Row & { position: number }>(database, name, sql)

  const writeAll = async (batch: readonly Wanted[]): Promise<ReadonlyMap<Wanted, Outcome<Row>>> => {
    const rows = batch.map((each, position) => ({ position, ...each })).sort(byKey)
    const answers = new Map(
      (await statement(on, { rows: rows.map(toJson).join('\n') })).map((row) => [row.position, row]),
    )
    return new Map(batch.map((each, position) => [each, { row: answers.get(position) }]))
  }
  const writeAlone = async (each: Wanted): Promise<Outcome<Row>> =>
    (await writeAll([each])).get(each) ?? { row: undefined }

  const run = async (batch: readonly Wanted[]): Promise<readonly (Outcome<Row> | Promise<Outcome<Row>>)[]> => {
    const one = [...new Map(batch.map((each) => [keyOf(each), each])).values()]
    try {
      const outcomes = await writeAll(one)
      return batch.map((each) => outcomes.get(each) ?? write(each))
    } catch (error) {
      // Whose row somebody holds for long must not take the others with it, try after try.
      const isOfOne = isStatementTimeout(error) || !isUnreachable(error)
      if (batch.length === 1 || !isOfOne) throw error
      return batch.map(writeAlone)
    }
  }
  const write = shareStatements<Wanted, Outcome<Row>>({ run, atOnce, everyMs, mostItems: atMost })
  return async (wanted) => (await write(wanted)).row
}

type Outcome<Row> = { row: Row | undefined }

export const toWanted = ({ key, id }: ConsentOf): Wanted => ({
  tenant_id: key.tenantId,
  connection_id: key.connectionId,
  request_id: id,
})

export const toHex = (bytes: Buffer): string => `\\x${bytes.toString('hex')}`

// No text of PostgreSQL holds a NUL.
const keyOf = (wanted: Wanted): string => [wanted.tenant_id, wanted.connection_id].join('\0')

const byKey = (one: Wanted, other: Wanted): number => (keyOf(one) < keyOf(other) ? -1 : 1)

// One line: JSON escapes a line feed. PostgreSQL reads no half of a surrogate pair in JSON; in a plain text it gets U+FFFD for it.
function toJson(row: Wanted): string {
  const text = JSON.stringify(row)
  return /\\ud[89a-f]/.test(text) ? JSON.stringify(row, (_name, value: unknown) => wellFormed(value)) : text
}

const wellFormed = (value: unknown): unknown =>
  typeof value === 'string' ? value.replace(/\p{Surrogate}/gu, '\ufffd') : value
