import { createLogger } from '@dromos/runtime'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createTestDatabase, type TestDatabase } from '@dromos/local/test-database'
import pg from 'pg'
import { startBroker } from '../src/app.js'
import { parseConfig } from '../src/config.js'
import { testEnvironment } from './harness/test-broker.js'

// A broker that cannot start tells its operator which database, as whom and why, and what to do. Never the password.

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

const refusalOf = (databaseUrl: string): Promise<string> => {
  const log = createLogger({ service: 'broker', level: 'silent' })
  return startBroker(parseConfig(testEnvironment(databaseUrl)), log).then(() => 'it started', String)
}

test('nothing listens where the database should be', async () => {
  const refusal = await refusalOf('postgres://dromos:a-secret@127.0.0.1:1/dromos')
  expect(refusal).toContain('cannot use PostgreSQL at 127.0.0.1:1/dromos as "dromos": nothing listens there')
  expect(refusal).not.toContain('a-secret')
})

test('the database was never created', async () => {
  const url = new URL(database.url)
  url.pathname = '/never_created'
  expect(await refusalOf(url.href)).toContain('the database does not exist: create it first')
})

test('the migrations were not applied', async () => {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query('drop table vault_canaries').finally(() => client.end())
  expect(await refusalOf(database.url)).toContain('it lacks tables of this code: apply its migrations')
})
