import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DatabaseOptions, type DatabaseServer, startDatabaseServer } from './database.js'

// Owns the directory of a run: a PostgreSQL server and, beside its files, the logs of every process.

export type RunDirectory = {
  server: DatabaseServer
  logDirectory: string
  /** Stops the server and removes everything, or everything but the logs. */
  close(kept: 'nothing' | 'logs'): Promise<void>
}

/** `name` tells the directory apart from others below the system's temporary one. */
export async function openRunDirectory(name: string, durability: DatabaseOptions['durability']): Promise<RunDirectory> {
  const directory = mkdtempSync(join(tmpdir(), `dromos-${name}-`))
  // PostgreSQL may run as another account, which must be able to pass through to its own directory inside.
  chmodSync(directory, 0o711)
  const logDirectory = join(directory, 'logs')
  mkdirSync(logDirectory)
  const dataDir = join(directory, 'postgres')
  const server = await startDatabaseServer({ dataDir, durability, log: () => {} })
  return {
    server,
    logDirectory,
    async close(kept) {
      await server.stop()
      rmSync(kept === 'logs' ? dataDir : directory, { recursive: true, force: true })
    },
  }
}
