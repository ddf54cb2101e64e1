import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync } from 'node:fs'
import { Problem } from '../problem.js'

/** The system account PostgreSQL runs under; undefined means our own. */
export type Account = { uid: number; gid: number } | undefined

/**
 * PostgreSQL refuses to run as root, and it also refuses a uid that has no account: as root we lend it `nobody`,
 * looked up by name because its number differs between systems.
 */
export function postgresAccount(): Account {
  if (process.getuid?.() !== 0) return undefined
  return { uid: idOf('-u'), gid: idOf('-g') }
}

function idOf(flag: '-u' | '-g'): number {
  try {
    return Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
  } catch (cause) {
    const sentence = 'PostgreSQL does not run as root and this system has no account "nobody" to lend it'
    throw new Problem(`${sentence}: run as an ordinary user, or set DATABASE_URL to a PostgreSQL server`, { cause })
  }
}

/** Whether the account can enter the directory; asked of the system itself, which also knows ACLs and mounts. */
export function canEnter(directory: string, account: Account): boolean {
  if (account === undefined) return true
  return (
    spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', directory], { cwd: '/', stdio: 'ignore', ...account }).status === 0
  )
}

/** Hands a file or directory that we just made to the account. */
export function giveTo(account: Account, path: string): void {
  if (account !== undefined) chownSync(path, account.uid, account.gid)
}
