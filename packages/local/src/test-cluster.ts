import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { startEmbeddedPostgres } from './postgres/embedded-postgres.js'
import { messageOf } from './problem.js'
import type { Shell } from './stack/services.js'

/** `templateUrl` names the migrated database that suites copy; a session on it would hold up every copy. */
export type TestCluster = { templateUrl: string; warning: string | undefined; stop(): Promise<void> }

const MIGRATE = fileURLToPath(new URL('../../../services/broker/dist/migrate.js', import.meta.url))

/**
 * One server for a whole test run: a throw-away cluster, or the server of TEST_DATABASE_URL (any database on it that may
 * create databases). A failing migration does not throw: suites that need no database still run, and `warning` says why
 * the others will fail.
 */
export async function startTestCluster(shell: Shell): Promise<TestCluster> {
  const externalUrl = shell['TEST_DATABASE_URL'] || undefined
  if (externalUrl === undefined) {
    const dataDir = mkdtempSync(join(tmpdir(), 'dromos-test-'))
    // PostgreSQL may run as another account, which must be able to pass through to its own directory inside.
    chmodSync(dataDir, 0o711)
    const server = await startEmbeddedPostgres({ dataDir, log: () => {}, durability: 'throwaway' })
    return prepareTemplate(shell, server.url, 'dromos_template', () => server.stop())
  }
  // Several runs may share an outside server.
  const name = `dromos_template_${process.pid}`
  return prepareTemplate(shell, externalUrl, name, () =>
    administer(externalUrl, `drop database if exists ${name} with (force)`),
  )
}

async function prepareTemplate(
  shell: Shell,
  serverUrl: string,
  name: string,
  stop: () => Promise<void>,
): Promise<TestCluster> {
  try {
    await administer(serverUrl, `drop database if exists ${name} with (force)`)
    await administer(serverUrl, `create database ${name}`)
  } catch (error) {
    await stop()
    throw error
  }
  const template = new URL(serverUrl)
  template.pathname = `/${name}`
  return { templateUrl: template.href, warning: await migrate(shell, template.href), stop }
}

async function administer(serverUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl })
  client.on('error', () => {})
  await client.connect()
  await client.query(statement).finally(() => client.end())
}

async function migrate(shell: Shell, databaseUrl: string): Promise<string | undefined> {
  if (!existsSync(MIGRATE)) return `the test database is EMPTY: ${MIGRATE} does not exist, run "npm run build" first`
  try {
    const env = { ...shell, DATABASE_URL: databaseUrl }
    await promisify(execFile)(process.execPath, [MIGRATE], { env, timeout: 60_000 })
    return undefined
  } catch (error) {
    return `the test database is NOT migrated: ${messageOf(error)}`
  }
}
