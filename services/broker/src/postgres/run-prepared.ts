import pg, { type QueryResultRow } from 'pg'
import type { Binding } from './query.js'

// Owns how a prepared statement travels to PostgreSQL and its rows back. Does not own what it says.

/** SQL that takes $1, $2 and so on. Its name is its own in every session, or undefined: then it is parsed each time. */
export type PreparedStatement = { readonly name: string | undefined; readonly text: string }

/**
 * Runs the statement in a session of the pool; undefined becomes null. A session describes the rows of a named statement once:
 * node-pg would have them described each time, and a column costs it more than its value does. `Row` states what is returned.
 * Throws what node-pg throws.
 */
export async function runPrepared<Row extends QueryResultRow>(
  on: pg.Pool,
  statement: PreparedStatement,
  values: readonly Binding[],
): Promise<Row[]> {
  const execution = new Execution<Row>(statement, values)
  // Settled when the execution calls back and the pool has its session again; the types know of no promise here.
  const done: unknown = on.query(execution)
  await done
  return execution.rows
}

type Column = { readonly name: string; readonly parse: (text: string) => unknown }

/** Of rows alike. A copy of `empty` has every column as its own, whatever it is called. */
type RowShape = { readonly empty: Readonly<Record<string, null>>; readonly columns: readonly Column[] }

type Known = { readonly text: string; readonly shape: RowShape }

const noColumns: RowShape = { empty: {}, columns: [] }

/** What each session has prepared, by name: PostgreSQL refuses a statement whose columns have changed since. */
const sessions = new WeakMap<pg.Connection, Map<string, Known>>()

/** One execution in node-pg's protocol for queries of one's own (`Submittable`): it calls these as the messages come. */
class Execution<Row extends QueryResultRow> implements pg.Submittable {
  readonly rows: Row[] = []
  /** Set by the pool, which replaces it when the answer comes too late. */
  callback?: (error?: unknown) => void
  private readonly name: string
  private shape: RowShape | undefined
  private failure: unknown
  private prepared: Map<string, Known> | undefined

  constructor(
    private readonly statement: PreparedStatement,
    private readonly values: readonly Binding[],
  ) {
    this.name = statement.name ?? ''
  }

  /** An error that is answered ends this execution and nothing else. */
  submit(connection: pg.Connection): Error | undefined {
    this.prepared = preparedIn(connection)
    const known = this.prepared.get(this.name)
    if (known !== undefined && known.text !== this.statement.text)
      return new Error(`two statements are named ${this.name}`)
    this.shape = known?.shape
    connection.stream.cork() // one write, not one for each message
    if (known === undefined) connection.parse({ name: this.name, text: this.statement.text, types: [] }, true)
    connection.bind({ statement: this.name, values: this.values.map(toParameter) }, true)
    if (known === undefined) connection.describe({ type: 'P', name: '' }, true)
    connection.execute({}, true)
    connection.sync()
    connection.stream.uncork()
    return undefined
  }

  handleRowDescription({ fields }: { fields: pg.FieldDef[] }): void {
    this.shape = shapeOf(fields)
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    try {
      this.rows.push(toRow<Row>(this.shape ?? noColumns, fields))
    } catch (error) {
      // Thrown out of a socket's listener it would end the process.
      this.failure ??= error
    }
  }

  handleCommandComplete(): void {
    if (this.name === '') return // overwritten by the next one without a name, perhaps in other hands
    this.prepared?.set(this.name, { text: this.statement.text, shape: this.shape ?? noColumns })
  }

  handleReadyForQuery(): void {
    this.callback?.(this.failure)
  }

  handleError(error: unknown): void {
    this.callback?.(error)
  }
}

function preparedIn(connection: pg.Connection): Map<string, Known> {
  const prepared = sessions.get(connection) ?? new Map<string, Known>()
  sessions.set(connection, prepared)
  return prepared
}

const shapeOf = (fields: readonly pg.FieldDef[]): RowShape => ({
  empty: Object.fromEntries(fields.map(({ name }) => [name, null])),
  columns: fields.map(({ name, dataTypeID }) => ({
    name,
    parse: pg.types.getTypeParser(dataTypeID, 'text') as Column['parse'],
  })),
})

function toRow<Row extends QueryResultRow>({ empty, columns }: RowShape, texts: readonly (string | null)[]): Row {
  const row: Record<string, unknown> = { ...empty }
  columns.forEach(({ name, parse }, index) => {
    const text = texts[index] ?? null
    if (text !== null) row[name] = parse(text)
  })
  return row as Row // stated by whoever wrote the statement
}

function toParameter(value: Binding): string | Buffer | null {
  if (value === undefined || value === null) return null
  if (Buffer.isBuffer(value)) return value
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'object') return toArray(value)
  return String(value)
}

/** PostgreSQL's array literal, every text quoted: one that says NULL stays a text. */
const toArray = (texts: readonly string[]): string =>
  `{${texts.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join(',')}}`
