import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { searchDatabaseForLeaks, suiteOfCaller } from './leak-canary.js'
import { codeOf } from './problem.js'
import { currentTestRun } from './test-run.js'

/** A migrated, empty database of one suite. `drop` searches it for secrets in the clear (leak-canary.ts) and
 * ends sessions that are still open on it. */
export type TestDatabase = { url: string; drop(): Promise<void> }

/**
 * Copies the migrated template of this test run, which takes some 30 ms; every suite (or test) can have its own.
 *
 * @throws Error when the run was not started through jest's globalSetup (`npm test`).
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { templateUrl } = currentTestRun()
  if (templateUrl === undefined) throw new Error('this run has no test database: run the tests with "npm test"')
  const template = decodeURIComponent(new URL(templateUrl).pathname.slice(1))
  const suite = suiteOfCaller()
  const name = `t_${randomBytes(8).toString('hex')}`

  await administer(templateUrl, (client) => copyTemplate(client, name, template))
  const url = new URL(templateUrl)
  url.pathname = `/${name}`
  return {
    url: url.href,
    async drop() {
      await searchDatabaseForLeaks(url.href, suite)
      await administer(templateUrl, (client) => client.query(`drop database if exists ${name} with (force)`))
    },
  }
}

/** Never on the template itself: a session there would refuse the copy to everybody. */
async function administer(templateUrl: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const maintenance = new URL(templateUrl)
  maintenance.pathname = '/postgres'
  const client = new pg.Client({ connectionString: maintenance.href })
  client.on('error', () => {})
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

async function copyTemplate(client: pg.Client, name: string, template: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.query(`create database ${name} template ${template}`)
      return
    } catch (error) {
      // 55006 object_in_use: "source database is being accessed by other users", a passing state here.
      if (codeOf(error) !== '55006' || attempt === 100) throw error
      await pause(50)
    }
  }
}
