import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf, Problem } from '../problem.js'
import { giveTo, type Account } from './account.js'
import { POSTGRES_MAJOR, type Binaries } from './binaries.js'

export const ROLE = 'dromos'

/** What we remember between starts, in `server.json` (mode 0600). `supervisorPid` is the process that runs the server. */
export type ServerRecord = { port: number; password: string; supervisorPid: number }

const run = promisify(execFile)

/** The record of `dataDir`, or undefined when there is none or it cannot be used. */
export function readServerRecord(dataDir: string): ServerRecord | undefined {
  const path = join(dataDir, 'server.json')
  if (!existsSync(path)) return undefined
  try {
    const { port, password, supervisorPid } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    if (typeof port !== 'number' || typeof password !== 'string' || typeof supervisorPid !== 'number') return undefined
    return { port, password, supervisorPid }
  } catch {
    return undefined
  }
}

/** Replaces the record in one step: a reader sees the old one or the new one. */
export function writeServerRecord(dataDir: string, record: ServerRecord): void {
  const path = join(dataDir, 'server.json')
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

export function newPassword(): string {
  return randomBytes(24).toString('base64url')
}

/** Throws a `Problem` when the cluster was made by another PostgreSQL major version, which could not open it. */
export function assertSameMajor(cluster: string): void {
  const found = readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim()
  if (found === POSTGRES_MAJOR) return
  throw new Problem(
    `${cluster} was made by PostgreSQL ${found} and this is PostgreSQL ${POSTGRES_MAJOR}, which cannot open it: ` +
      `move it away to start empty (mv ${cluster} ${cluster}.pg${found}), or set DATABASE_URL to a PostgreSQL ${found} server`,
  )
}

/**
 * Creates the cluster. Only the password opens it, also from this machine: any local user can reach the TCP port, so
 * nothing is trusted. Made beside and renamed, so that an interrupted initdb leaves nothing that looks like a cluster.
 */
export async function createCluster(
  cluster: string,
  password: string,
  binaries: Binaries,
  account: Account,
  durability: 'safe' | 'throwaway',
): Promise<void> {
  const unfinished = `${cluster}.new`
  const passwordFile = join(dirname(cluster), `initdb-${randomBytes(6).toString('hex')}`)
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { mode: 0o700 })
  giveTo(account, unfinished)
  writeFileSync(passwordFile, password, { mode: 0o600, flag: 'wx' })
  giveTo(account, passwordFile)
  const options = [
    '-D',
    unfinished,
    '-U',
    ROLE,
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--no-instructions',
  ]
  // The builtin provider needs no locale of the system and sorts the same on every machine.
  options.push('--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8')
  if (durability === 'throwaway') options.push('--no-sync')
  try {
    await run(binaries.initdb, options, { cwd: '/', timeout: 120_000, ...account })
  } catch (cause) {
    throw new Problem(`initdb could not create ${cluster}: ${messageOf(cause)}`, {
      cause,
    })
  } finally {
    rmSync(passwordFile, { force: true })
  }
  chmodSync(unfinished, 0o700)
  renameSync(unfinished, cluster)
}
