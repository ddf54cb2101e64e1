import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { connected, refreshOf } from './harness/person.js'
import { startTestBroker, type TestBroker } from './harness/test-broker.js'

const program = fileURLToPath(new URL('../dist/admin.js', import.meta.url))

let broker: TestBroker
beforeEach(async () => {
  broker = await startTestBroker()
})
afterEach(() => broker.close())

const admin = async (...args: string[]): Promise<string> => {
  const env = { PATH: process.env.PATH, DATABASE_URL: broker.databaseUrl }
  return (await promisify(execFile)(process.execPath, [program, ...args], { env, timeout: 15_000 })).stdout
}

test('a grant that rotated after the backup is told apart from one that its person revoked', async () => {
  const id = await connected(broker)
  const [backup] = await broker.query<{ sealed: Buffer }>('select sealed_credentials as sealed from connections')
  expect((await refreshOf(broker, id)).status).toBe(200)
  await broker.query('update connections set sealed_credentials = $1, version = 1', [backup?.sealed])

  expect(JSON.parse(await admin('restore-doubt', '--json'))).toEqual({ marked: 1 })
  expect(await refreshOf(broker, id)).toMatchObject({ status: 409, body: { connection_reason: 'lost_rotation' } })
})

test('a grant that did not rotate goes on as if nothing had been', async () => {
  const id = await connected(broker)
  await admin('restore-doubt')
  expect((await refreshOf(broker, id)).status).toBe(200)
  expect(await broker.query('select attempt_state from connections')).toEqual([{ attempt_state: 'idle' }])
})
