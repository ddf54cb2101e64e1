// Owns the pools of this process and how their sessions live and die. Does not own a single table.
import { Socket } from 'node:net'
import knexFactory, { type Knex } from 'knex'
import pg from 'pg'

export type DatabaseOptions = {
  url: string
  /** Sessions for ordinary work; five more serve the hot read, the commit lane and the liveness lock. */
  poolSize: number
  ssl?: pg.PoolConfig['ssl'] | undefined
  applicationName: string
  /** False behind a pooler in transaction mode: no named statements, no session settings, no session lock. */
  preparedStatements: boolean
  timeouts?: Partial<DatabaseTimeouts>
  /** A session in no one's hands ended. Work in progress reports its own failure. */
  onError(error: Error): void
}

export type Database = {
  knex: Knex
  /** Two sessions that store received tokens and nothing else: no burst of reads keeps a token from being stored. */
  commitLane: Knex
  /** The sessions under `knex` and `commitLane`, for prepared statements. */
  pool: pg.Pool
  commitPool: pg.Pool
  /** For the hot read. */
  reader: pg.Pool
  preparedStatements: boolean
  /** A session of its own, outside the pools; the caller connects and ends it. */
  newSession(): pg.Client
  /** Fires when `close` begins: whoever retries stops. */
  closing: AbortSignal
  /** Waits for work in progress, at most `closeDeadlineMs`. Safe to repeat. */
  close(): Promise<void>
}

export type DatabaseTimeouts = {
  /** How long a query waits for a free session, and for a new one to be made. */
  acquireMs: number
  /** How long the server works on one statement. */
  statementMs: number
  /** How long a query waits for its answer. */
  answerMs: number
  /** A session silent for this long has lost its server, or is idle and not needed. */
  silenceMs: number
}

const defaultTimeouts: DatabaseTimeouts = { acquireMs: 5_000, statementMs: 10_000, answerMs: 12_000, silenceMs: 30_000 }
const closeDeadlineMs = 5_000

/** Opens nothing yet: sessions are made when first needed, so that a start does not depend on the database. */
export function openDatabase(options: DatabaseOptions): Database {
  const closing = new AbortController()
  const pools = {
    ordinary: openPool(options, options.poolSize),
    commitLane: openPool(options, 2),
    reader: openPool(options, 2),
  }
  const knex = overPool(pools.ordinary)
  const commitLane = overPool(pools.commitLane)
  const closeAll = async (): Promise<void> => {
    closing.abort()
    const ended = Promise.all([...Object.values(pools).map((pool) => pool.end()), knex.destroy(), commitLane.destroy()])
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, closeDeadlineMs).unref())])
  }
  let closed: Promise<void> | undefined
  return {
    knex,
    commitLane,
    pool: pools.ordinary,
    commitPool: pools.commitLane,
    reader: pools.reader,
    preparedStatements: options.preparedStatements,
    newSession: () => new pg.Client({ ...sessionSettings(options), statement_timeout: 0 }),
    closing: closing.signal,
    close: () => (closed ??= closeAll()),
  }
}

function openPool(options: DatabaseOptions, max: number): pg.Pool {
  const pool = new pg.Pool({
    ...sessionSettings(options),
    max,
    idleTimeoutMillis: timeoutsOf(options).silenceMs / 2,
  })
  pool.on('error', options.onError)
  // A client that is checked out has no listener of the pool: without one, an ended session would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

const timeoutsOf = (options: DatabaseOptions): DatabaseTimeouts => ({ ...defaultTimeouts, ...options.timeouts })

function sessionSettings(options: DatabaseOptions): pg.ClientConfig {
  const timeouts = timeoutsOf(options)
  return {
    connectionString: options.url,
    application_name: options.applicationName,
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
    connectionTimeoutMillis: timeouts.acquireMs, // of the pool too: waiting for a free session counts
    keepAlive: true,
    query_timeout: timeouts.answerMs,
    stream: () => openSocket(timeouts.silenceMs),
    // A pooler refuses start-up parameters that it does not know.
    ...(options.preparedStatements
      ? { statement_timeout: timeouts.statementMs, idle_in_transaction_session_timeout: timeouts.statementMs }
      : {}),
  }
}

// A server that vanished without a word would otherwise hold its session, and whoever waits for it, for a quarter of an hour.
function openSocket(silenceMs: number): Socket {
  const socket = new Socket()
  return socket.setTimeout(silenceMs, () => socket.destroy())
}

// knex prints to the console otherwise, with messages that may quote values.
const silentLog = { warn: () => undefined, error: () => undefined, deprecate: () => undefined, debug: () => undefined }

const overPool = (pool: pg.Pool): Knex =>
  knexFactory({ client: 'pg', version: '14', connectionPool: pool, log: silentLog })
