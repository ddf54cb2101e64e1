import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { codeOf, Problem } from '../problem.js'
import { canEnter, type Account } from './account.js'

/**
 * The directory that holds the database files: `dataDir` itself, or, when the account PostgreSQL must run under cannot
 * reach it (root works below /root, say), a directory of ours in /var/tmp whose name follows from `dataDir`.
 */
export function chooseArea(dataDir: string, account: Account, log: (line: string) => void): string {
  mkdirSync(dataDir, { recursive: true, mode: account === undefined ? 0o700 : 0o711 })
  if (canEnter(dataDir, account)) return dataDir
  const area = join('/var/tmp', `dromos-${createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 12)}`)
  claimSharedName(area)
  log(`PostgreSQL runs as "nobody", which cannot enter ${dataDir}: its files are in ${area}`)
  return area
}

/** /var/tmp is writable by all: a directory (or link) of that name which somebody else made must not receive our data. */
function claimSharedName(area: string): void {
  try {
    mkdirSync(area, { mode: 0o711 })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    const found = lstatSync(area)
    if (!found.isDirectory() || found.uid !== process.getuid?.()) {
      throw new Problem(`${area} belongs to somebody else: remove it, then start again`, { cause: error })
    }
  }
  // 0711, not 0700: the account must pass through to its own directory inside, and nobody may list this one.
  chmodSync(area, 0o711)
}
