import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { createLogger } from '@dromos/runtime'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type Broker, startBroker } from '../src/app.js'
import { parseConfig } from '../src/config.js'
import { sealedSources } from '../src/postgres/sealed-sources.js'
import { createVault } from '../src/vault/vault.js'
import { connected, readTokenOf, refreshOf } from './harness/person.js'
import { request } from './harness/request.js'
import { operatorKey, startTestBroker, type TestBroker, testEnvironment } from './harness/test-broker.js'

const program = fileURLToPath(new URL('../dist/admin.js', import.meta.url))
const [former, fresh] = [randomBytes(32), randomBytes(32)]
const base64 = (key: Buffer): string => key.toString('base64')
const swapped = { ENCRYPTION_KEY: base64(fresh), ENCRYPTION_KEYS_RETIRED: base64(former) }
const freshId = createVault({ primary: fresh, retired: [] }).primaryKeyId
const formerId = createVault({ primary: former, retired: [] }).primaryKeyId

let broker: TestBroker
const others: Broker[] = []
const running = new Set<ChildProcess>()
beforeEach(async () => {
  broker = await startTestBroker({ environment: { ENCRYPTION_KEY: base64(former) } })
})
afterEach(async () => {
  for (const child of running) child.kill('SIGKILL')
  await Promise.all(others.splice(0).map((each) => each.close()))
  await broker.close()
})

/** A broker on the same database with other keys. */
async function startWith(keys: Record<string, string>): Promise<Pick<TestBroker, 'call'>> {
  const config = parseConfig({ ...testEnvironment(broker.databaseUrl), ...keys })
  const started = await startBroker(config, createLogger({ service: 'broker', level: 'silent' }))
  others.push(started)
  const url = `http://127.0.0.1:${started.port}`
  return { call: (method, path, how = {}) => request(url, method, path, { key: operatorKey, ...how }) }
}

type Outcome = { code: number | null; stdout: string; stderr: string }

function rotateKeys(args: readonly string[] = [], keys: Record<string, string> = swapped) {
  const env = { PATH: process.env.PATH, DATABASE_URL: broker.databaseUrl, ...keys }
  const child = spawn(process.execPath, [program, 'rotate-keys', ...args], { env })
  running.add(child)
  const text = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()))
  const ended = new Promise<Outcome>((resolve) =>
    child.on('exit', (code) => {
      running.delete(child)
      resolve({ code, ...text })
    }),
  )
  return { child, ended }
}

/** Ids of the keys that seal anything, over all sealed columns. */
async function keysInUse(): Promise<string[]> {
  const parts = sealedSources.map(
    ({ table, column }) =>
      `select encode(substring(${column} from 2 for 8), 'hex') as id from ${table} where ${column} is not null`,
  )
  return (await broker.query<{ id: string }>(`select distinct id from (${parts.join(' union all ')}) x`)).map(
    ({ id }) => id,
  )
}

/** Answers of late refreshes, as many as asked for: rows that need no consent each. */
async function giveOrphans(connectionId: string, count: number): Promise<void> {
  const vault = createVault({ primary: former, retired: [] })
  const rows = Array.from({ length: count }, (_, index) => {
    const context = { tenantId: 'default', recordId: connectionId, field: 'orphan', version: index + 1_000 } as const
    return { fence: index + 1_000, sealed: vault.seal(`orphan ${index}`, context).toString('hex') }
  })
  await broker.query(
    `insert into credential_orphans (tenant_id, connection_id, fence, sealed_credentials)
     select 'default', $1, fence, decode(sealed, 'hex') from jsonb_to_recordset($2::jsonb) as r (fence bigint, sealed text)`,
    [connectionId, JSON.stringify(rows)],
  )
}

test('everything is sealed anew while agents read and refresh; the former key can then be removed, not before (A70)', async () => {
  const ids = [await connected(broker), await connected(broker), await connected(broker)]
  await giveOrphans(ids[0] ?? '', 2_000)
  expect(await keysInUse()).toEqual([formerId])
  await expect(startWith({ ENCRYPTION_KEY: base64(fresh) })).rejects.toMatchObject({ reason: 'integrity_error' })

  const next = await startWith(swapped)
  const work = rotateKeys(['--json', '--rate', '1500'])
  let isOver = false
  const statuses = new Set<number>()
  const agents = ids.map(async (id) => {
    while (!isOver) {
      statuses.add((await readTokenOf(next, id)).status)
      statuses.add((await refreshOf(next, id)).status)
    }
  })
  const outcome = await work.ended
  isOver = true
  await Promise.all(agents)

  expect([...statuses]).toEqual([200])
  expect(outcome.code).toBe(0)
  expect(JSON.parse(outcome.stdout)).toMatchObject({
    keyId: freshId,
    retiredKeys: [formerId],
    unopened: {},
    rowsLeft: {},
  })
  expect((await next.call('GET', '/metrics')).text).toContain(`vault_rows_left{key_id="${formerId}"} 0`)
  expect(await keysInUse()).toEqual([freshId])
  expect(broker.provider.oracle().reuseCount).toBe(0)
  const alone = await startWith({ ENCRYPTION_KEY: base64(fresh) })
  for (const id of ids) expect((await refreshOf(alone, id)).status).toBe(200)
})

test('killed in the middle again and again, it goes on and every row opens (A70)', async () => {
  const id = await connected(broker)
  await giveOrphans(id, 4_000)
  await startWith(swapped).then(() => others.splice(0)[0]?.close()) // the key is known, and nobody else is at work
  const resealed = async () =>
    (await broker.query<{ resealed: string }>('select resealed from reseal_progress'))[0]?.resealed ?? '0'
  for (let kill = 1; kill <= 3; kill++) {
    const { child, ended } = rotateKeys(['--rate', '1000'])
    const before = await resealed()
    while ((await resealed()) === before) await new Promise((resolve) => setImmediate(resolve))
    child.kill('SIGKILL')
    await ended
    await broker.query('update reseal_progress set worker_until = now()') // ten seconds later
  }
  expect(Number(await resealed())).toBeLessThan(4_000)
  expect((await rotateKeys(['--rate', '100000']).ended).code).toBe(0)
  expect(await keysInUse()).toEqual([freshId])
  const vault = createVault({ primary: fresh, retired: [] })
  const rows = await broker.query<{ fence: string; sealed: Buffer }>(
    'select fence, sealed_credentials as sealed from credential_orphans order by fence',
  )
  const opened = rows.map(({ fence, sealed }) =>
    vault.open(sealed, { tenantId: 'default', recordId: id, field: 'orphan', version: Number(fence) }),
  )
  expect(opened).toEqual(Array.from({ length: 4_000 }, (_, index) => `orphan ${index}`))
}, 60_000)

test('a row that does not open is named and left, and its key stays needed', async () => {
  const id = await connected(broker)
  await giveOrphans(id, 1)
  await broker.query(`update credential_orphans set sealed_credentials = sealed_credentials || '\\x00'`)
  await startWith(swapped)
  const outcome = await rotateKeys().ended
  expect(outcome.stdout).toContain(`1 rows under the key ${formerId} do not open`)
  expect(outcome.stdout).not.toContain('can be removed')
  await expect(startWith({ ENCRYPTION_KEY: base64(fresh) })).rejects.toMatchObject({ reason: 'integrity_error' })
})

test('a key that no broker has started with is refused: nobody could read what it seals', async () => {
  const outcome = await rotateKeys().ended
  expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining('no broker has started with the key') })
})

test('pause, rate and status need the database only', async () => {
  const id = await connected(broker)
  await giveOrphans(id, 50)
  await startWith(swapped).then(() => others.splice(0)[0]?.close())
  expect((await rotateKeys(['--status'], {}).ended).stdout).toBe('no rotation was asked for yet\n')
  await broker.query('insert into reseal_progress (key_id, source) values ($1, $2)', [freshId, 'connections'])
  expect((await rotateKeys(['--pause', '--rate', '10'], {}).ended).stdout).toContain('paused')
  expect((await rotateKeys().ended).stdout).toContain('paused; 0 rows')
  expect((await rotateKeys(['--resume', '--rate', '10'], {}).ended).code).toBe(0)
  expect(JSON.parse((await rotateKeys(['--status', '--json'], {}).ended).stdout)).toMatchObject({ rowsPerSecond: 10, isPaused: false }) // prettier-ignore
})
