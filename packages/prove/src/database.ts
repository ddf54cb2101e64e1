import { randomBytes } from 'node:crypto'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@dromos/local'
import pg from 'pg'

// Owns the PostgreSQL server of a run and one migrated database per proof. Does not own what is stored in them.

export type DatabaseServer = {
  /** A migrated database of its own. */
  newDatabase(): Promise<ProofDatabase>
  /** SIGKILL of the server while everybody works on it, then a start on the same files. Answers when it was back. */
  crashAndRecover(): Promise<{ readyAtMs: number }>
  /** Milliseconds of each logged execution whose statement contains the text: see `logStatementsFrom`. */
  loggedDurationsMs(statementPart: string): number[]
  stop(): Promise<void>
}

export type ProofDatabase = {
  url: string
  rows<Row>(sql: string, values?: readonly unknown[]): Promise<Row[]>
  /** From now on every session of the brokers logs statements that took this long or longer, without their values. */
  logStatementsFrom(ms: number): Promise<void>
  /** Ends every session of every broker; answers how many. */
  endBrokerSessions(): Promise<number>
  close(): Promise<void>
}

export type DatabaseOptions = { dataDir: string; durability: 'safe' | 'throwaway'; log(line: string): void }

const migrate = fileURLToPath(new URL('../../../services/broker/dist/migrate.js', import.meta.url))

export async function startDatabaseServer(options: DatabaseOptions): Promise<DatabaseServer> {
  let server: EmbeddedPostgres = await startEmbeddedPostgres(options)
  return {
    async newDatabase() {
      const name = `prove_${randomBytes(6).toString('hex')}`
      const main = new pg.Client({ connectionString: server.url })
      await main.connect()
      await main.query(`create database ${name}`).finally(() => main.end())
      const url = new URL(server.url)
      url.pathname = `/${name}`
      await promisify(execFile)(process.execPath, [migrate], { env: { DATABASE_URL: url.href }, timeout: 60_000 })
      return openDatabase(url.href)
    },
    async crashAndRecover() {
      await server.crash()
      const { port } = new URL(server.url)
      server = await startEmbeddedPostgres(options)
      if (new URL(server.url).port !== port) throw new Error('PostgreSQL came back on another port')
      return { readyAtMs: performance.now() }
    },
    loggedDurationsMs(statementPart) {
      const log = readFileSync(join(options.dataDir, 'postgres.log'), 'utf8')
      const entries = log.split('duration: ').filter((entry) => entry.includes(statementPart))
      return entries.flatMap((entry) => {
        const ms = /^([\d.]+) ms +(execute|statement)/.exec(entry)?.[1]
        return ms === undefined ? [] : [Number(ms)]
      })
    },
    stop: () => server.stop(),
  }
}

const endSessions = `
  select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and application_name = 'dromos-broker'`

function openDatabase(url: string): ProofDatabase {
  const pool = new pg.Pool({ connectionString: url, max: 4 })
  // Sessions end when the server is crashed on purpose.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return {
    url,
    async rows<Row>(sql: string, values: readonly unknown[] = []) {
      return (await pool.query(sql, [...values])).rows as Row[]
    },
    async logStatementsFrom(ms) {
      const { pathname } = new URL(url)
      await pool.query(`alter database ${pathname.slice(1)} set log_min_duration_statement = ${ms}`)
      await pool.query(`alter database ${pathname.slice(1)} set log_parameter_max_length = 0`)
      await pool.query(endSessions) // settings of a database are for new sessions
    },
    async endBrokerSessions() {
      return (await pool.query(endSessions)).rowCount ?? 0
    },
    close: () => pool.end(),
  }
}
