import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { codeOf } from '../problem.js'
import type { Account } from './account.js'
import type { Binaries } from './binaries.js'

export type Durability = 'safe' | 'throwaway'

const THROWAWAY_SETTINGS = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']

/** Starts the server on 127.0.0.1 alone; its messages go to `logFile`. Returns before it accepts connections. */
export function spawnPostmaster(
  binaries: Binaries,
  account: Account,
  server: { cluster: string; port: number; durability: Durability; logFile: string },
): ChildProcess {
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${server.port}`,
    'unix_socket_directories=',
    'max_connections=200',
  ]
  if (server.durability === 'throwaway') settings.push(...THROWAWAY_SETTINGS)
  const log = openSync(server.logFile, 'a', 0o600)
  try {
    // Detached: Ctrl-C goes to the whole foreground group, and the database must outlive the services that drain into it.
    return spawn(binaries.postgres, ['-D', server.cluster, ...settings.flatMap((setting) => ['-c', setting])], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', log, log],
      ...account,
    })
  } finally {
    closeSync(log)
  }
}

/** The pid in the cluster's lock file, or undefined. The process may be long gone. */
export function lockedBy(cluster: string): number | undefined {
  const lock = join(cluster, 'postmaster.pid')
  if (!existsSync(lock)) return undefined
  const pid = Number(readFileSync(lock, 'utf8').split('\n')[0])
  return Number.isInteger(pid) && pid > 0 ? pid : undefined
}

/**
 * PostgreSQL believes a lock file whose pid is alive. After a reboot, or inside a container, that pid can be a stranger
 * or a zombie nobody reaps. Only the pid is replaced, by an impossible one: the shared memory key in the file stays, so
 * PostgreSQL still refuses while processes of the old server use the data.
 */
export function disownLock(cluster: string): void {
  const lock = join(cluster, 'postmaster.pid')
  const [, ...rest] = readFileSync(lock, 'utf8').split('\n')
  writeFileSync(lock, ['999999999', ...rest].join('\n'))
}

export type ProcessState = 'gone' | 'postgres' | 'stranger'

/** What runs under a pid. A zombie counts as a stranger: it holds the number, and no data. */
export function inspectProcess(pid: number): ProcessState {
  if (process.platform === 'linux') {
    try {
      // proc(5): "pid (name) state ..."; the name may contain anything, even a parenthesis.
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const end = stat.lastIndexOf(')')
      return stat.slice(stat.indexOf('(') + 1, end) === 'postgres' && stat[end + 2] !== 'Z' ? 'postgres' : 'stranger'
    } catch {
      return 'gone'
    }
  }
  if (!isAlive(pid)) return 'gone'
  if (process.platform === 'win32') return 'postgres'
  try {
    const line = execFileSync('ps', ['-o', 'stat=,comm=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    return line.endsWith('postgres') && !line.startsWith('Z') ? 'postgres' : 'stranger'
  } catch {
    return 'gone'
  }
}

/** Whether a process has this pid, ours or anybody's. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

/** SIGINT is PostgreSQL's fast stop: it ends the sessions and writes a checkpoint; then SIGQUIT, then SIGKILL. */
export async function endPostgres(pid: number): Promise<void> {
  for (const [signal, graceMs] of [
    ['SIGINT', 30_000],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ] as const) {
    if (inspectProcess(pid) !== 'postgres') return
    signalIfAlive(pid, signal)
    const deadline = Date.now() + graceMs
    while (Date.now() < deadline && inspectProcess(pid) === 'postgres') await pause(20)
  }
}

function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error
  }
}
