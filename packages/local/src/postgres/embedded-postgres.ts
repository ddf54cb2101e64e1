// Owns a real PostgreSQL server for this machine: its programs, its data directory, its process from start to stop.
// Does not own what is stored in it (migrations are the broker's) nor a server that DATABASE_URL names.
import { existsSync, renameSync, rmSync, truncateSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { ChildProcess } from 'node:child_process'
import pg from 'pg'
import { logSince, logSize } from '../log-file.js'
import { codeOf, messageOf, Problem } from '../problem.js'
import { armWatchdog } from '../watchdog.js'
import { postgresAccount, type Account } from './account.js'
import { chooseArea } from './area.js'
import { prepareBinaries, type Binaries } from './binaries.js'
import { assertSameMajor, createCluster, newPassword, readServerRecord, ROLE, writeServerRecord } from './cluster.js'
import { freePort } from '../free-port.js'
import { disownLock, endPostgres, inspectProcess, isAlive, lockedBy } from './postmaster.js'
import { spawnPostmaster, type Durability } from './postmaster.js'

export type EmbeddedPostgresOptions = {
  /** Absolute or relative to the working directory; created when missing. The server's log is `postgres.log` in it. */
  dataDir: string
  /** Receives sentences for people: where files are, what is being waited for. */
  log: (line: string) => void
  /** 'throwaway' trades the data for speed (no fsync); the directory is removed at the end, also if we are killed. */
  durability: Durability
}

export type EmbeddedPostgres = {
  /** A superuser's URL, password included, of the database `dromos`. */
  url: string
  pid: number
  /** Where the database files are: `dataDir`, or elsewhere when the server's account cannot reach that. */
  directory: string
  /** Resolves when the server has ended, asked to or not. */
  exited: Promise<void>
  /** Fast stop: sessions end, a checkpoint is written. A throw-away server quits at once and its directory is removed. */
  stop: () => Promise<void>
  /** SIGKILL, for tests of what a crash leaves behind. */
  crash(): Promise<void>
}

type Site = { dataDir: string; cluster: string; logFile: string; binaries: Binaries; account: Account }

/**
 * Starts PostgreSQL on 127.0.0.1, creating its data directory at the first call. The port and the password are
 * remembered. A server that an earlier process left running on the same directory is stopped first.
 *
 * @throws Problem when a live process already runs this server, when the data belong to another major version, or when
 * this platform cannot run it.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { durability, log } = options
  const dataDir = resolve(options.dataDir)
  const account = postgresAccount()
  const area = chooseArea(dataDir, account, log)
  const binaries = await prepareBinaries(account, area, log)
  const site: Site = { dataDir, cluster: join(area, 'data'), logFile: join(dataDir, 'postgres.log'), binaries, account }

  const held = readServerRecord(dataDir)
  if (existsSync(site.cluster) && held === undefined) setAside(site.cluster, log)
  if (existsSync(site.cluster)) {
    assertSameMajor(site.cluster)
    await releaseCluster(site.cluster, held?.supervisorPid, log)
  }
  const password = held?.password ?? newPassword()
  const port = await freePort(held?.port)
  // Recorded before the cluster exists: a cluster whose password nobody knows would be lost.
  writeServerRecord(dataDir, { port, password, supervisorPid: process.pid })
  if (!existsSync(site.cluster)) await createCluster(site.cluster, password, binaries, account, durability)

  const { child, url, pid } = await launch(site, port, password, durability)
  return { ...supervise(child, pid, durability, [...new Set([dataDir, area])]), url, pid, directory: area }
}

/** Without its password (somebody removed server.json) a cluster is of no use, but it is not ours to delete. */
function setAside(cluster: string, log: (line: string) => void): void {
  const aside = `${cluster}.without-password-${Date.now()}`
  renameSync(cluster, aside)
  log(`the password of ${cluster} is gone: moved it to ${aside} and started empty`)
}

async function releaseCluster(cluster: string, supervisorPid: number | undefined, log: (line: string) => void) {
  const pid = lockedBy(cluster)
  if (pid === undefined) return
  const state = inspectProcess(pid)
  if (state === 'stranger') return disownLock(cluster)
  if (state === 'gone') return
  if (supervisorPid !== undefined && isAlive(supervisorPid)) {
    throw new Problem(`process ${supervisorPid} already runs PostgreSQL on ${cluster}: stop that one first`)
  }
  log(`stopping PostgreSQL ${pid}, left running by an earlier process`)
  await endPostgres(pid)
}

const LAUNCH_DEADLINE_MS = 60_000

async function launch(site: Site, firstPort: number, password: string, durability: Durability) {
  const deadline = Date.now() + LAUNCH_DEADLINE_MS
  let port = firstPort
  if (logSize(site.logFile) > 10_000_000) truncateSync(site.logFile)
  for (;;) {
    const logStart = logSize(site.logFile)
    const child = spawnPostmaster(site.binaries, site.account, { ...site, port, durability })
    const url = `postgres://${ROLE}:${password}@127.0.0.1:${port}/${ROLE}`
    const started = await waitUntilReady(child, url, deadline)
    if (started && child.pid !== undefined) return { child, url, pid: child.pid }

    const said = logSince(site.logFile, logStart)
    const portTaken = said.includes('could not bind')
    // Processes of a server that was killed need a moment to notice; until then PostgreSQL protects the data from us.
    const stillHeld = said.includes('shared memory block') || said.includes('lock file "postmaster.pid" already exists')
    if (!(portTaken || stillHeld) || Date.now() > deadline) throw new Problem(`PostgreSQL did not start:\n${said}`)
    await pause(100)
    if (portTaken) port = await freePort(undefined)
    writeServerRecord(site.dataDir, { port, password, supervisorPid: process.pid })
  }
}

/** Waits for the first session and creates the database in it if it is missing; false when the server ended instead. */
async function waitUntilReady(child: ChildProcess, url: string, deadline: number): Promise<boolean> {
  let ended = false
  child.once('exit', () => (ended = true))
  child.once('error', () => (ended = true))
  const maintenance = new URL(url)
  maintenance.pathname = '/postgres'
  while (!ended && Date.now() < deadline) {
    const client = new pg.Client({ connectionString: maintenance.href, connectionTimeoutMillis: 5_000 })
    client.on('error', () => {})
    try {
      await client.connect()
      const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [ROLE])
      if (rowCount === 0) await client.query(`create database ${ROLE}`)
      return true
    } catch (error) {
      // 57P03: it is still starting. Anything else that is not a refused connection will not pass by waiting.
      const code = codeOf(error)
      if (code !== 'ECONNREFUSED' && code !== 'ECONNRESET' && code !== '57P03') await refuse(child, error)
      await pause(15)
    } finally {
      await client.end().catch(() => {})
    }
  }
  if (!ended && child.pid !== undefined) await endPostgres(child.pid)
  return false
}

async function refuse(child: ChildProcess, cause: unknown): Promise<never> {
  if (child.pid !== undefined) await endPostgres(child.pid)
  throw new Problem(`PostgreSQL started but refused us: ${messageOf(cause)}`, { cause })
}

function supervise(
  child: ChildProcess,
  pid: number,
  durability: Durability,
  directories: string[],
): Pick<EmbeddedPostgres, 'exited' | 'stop' | 'crash'> {
  const isThrowaway = durability === 'throwaway'
  const watchdog = armWatchdog({
    pid,
    signal: isThrowaway ? 'QUIT' : 'INT',
    removeDirectories: isThrowaway ? directories : [],
  })
  const exited = new Promise<void>((done) => {
    const finish = () => {
      watchdog.disarm()
      done()
    }
    child.once('exit', finish)
    if (child.exitCode !== null || child.signalCode !== null) finish()
  })
  return {
    exited,
    async stop() {
      if (isThrowaway) child.kill('SIGQUIT')
      await Promise.all([endPostgres(pid), exited])
      if (isThrowaway) for (const directory of directories) rmSync(directory, { recursive: true, force: true })
    },
    async crash() {
      child.kill('SIGKILL')
      await exited
    },
  }
}
