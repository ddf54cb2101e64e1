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
  /** A session in no one's hands ended. Work in progress reports its own failure. */
  onError(error: Error): void
}

export type Database = {
  knex: Knex
  /** Two sessions that store received tokens and nothing else: no burst of reads keeps a token from being stored. */
  commitLane: Knex
  /** For the hot read. */
  reader: pg.Pool
  preparedStatements: boolean
  /** A session of its own, outside the pools; the caller connects and ends it. */
  newSession(): pg.Client
  /** Fires when `close` begins: whoever retries stops. */
  closing: AbortSignal
  /** Waits for work in progress, at most `closeDeadlineMs`. */
  close(): Promise<void>
}

const statementTimeoutMs = 10_000
const acquireTimeoutMs = 5_000
const idleMs = 20_000
/** Longer than any statement may take: a session silent for this long has lost its server. */
const silenceMs = 30_000
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
  return {
    knex,
    commitLane,
    reader: pools.reader,
    preparedStatements: options.preparedStatements,
    newSession: () => new pg.Client({ ...sessionSettings(options), statement_timeout: 0 }),
    closing: closing.signal,
    async close() {
      closing.abort()
      const ended = Promise.all([
        ...Object.values(pools).map((pool) => pool.end()),
        knex.destroy(),
        commitLane.destroy(),
      ])
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, closeDeadlineMs).unref())])
    },
  }
}

function openPool(options: DatabaseOptions, max: number): pg.Pool {
  const pool = new pg.Pool({
    ...sessionSettings(options),
    max,
    idleTimeoutMillis: idleMs,
    // Also how long a query may wait for a free session.
    connectionTimeoutMillis: acquireTimeoutMs,
  })
  pool.on('error', options.onError)
  // A client that is checked out has no listener of the pool: without one, an ended session would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

function sessionSettings(options: DatabaseOptions): pg.ClientConfig {
  return {
    connectionString: options.url,
    application_name: options.applicationName,
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
    connectionTimeoutMillis: acquireTimeoutMs,
    keepAlive: true,
    query_timeout: statementTimeoutMs + 2_000,
    stream: openSocket,
    // A pooler refuses start-up parameters that it does not know.
    ...(options.preparedStatements
      ? { statement_timeout: statementTimeoutMs, idle_in_transaction_session_timeout: statementTimeoutMs }
      : {}),
  }
}

// A server that vanished without a word would otherwise hold its session, and whoever waits for it, for a quarter of an hour.
function openSocket(): Socket {
  const socket = new Socket()
  return socket.setTimeout(silenceMs, () => socket.destroy())
}

// knex prints to the console otherwise, with messages that may quote values.
const silentLog = { warn: () => undefined, error: () => undefined, deprecate: () => undefined, debug: () => undefined }

const overPool = (pool: pg.Pool): Knex =>
  knexFactory({ client: 'pg', version: '14', connectionPool: pool, log: silentLog })
