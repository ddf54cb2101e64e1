import { afterEach, expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { freePort } from '../src/free-port.js'
import { canEnter, postgresAccount } from '../src/postgres/account.js'
import { prepareBinaries } from '../src/postgres/binaries.js'
import { readServerRecord, writeServerRecord } from '../src/postgres/cluster.js'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../src/postgres/embedded-postgres.js'
import { inspectProcess, spawnPostmaster } from '../src/postgres/postmaster.js'
import { startSupervisor } from './supervisor-process.js'

const isRoot = process.getuid?.() === 0
const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function newDataDir(): string {
  const parent = mkdtempSync(join(tmpdir(), 'dromos-embedded-'))
  chmodSync(parent, 0o711)
  cleanups.push(() => rmSync(parent, { recursive: true, force: true }))
  return join(parent, 'postgres')
}

async function start(dataDir: string, said: string[] = []): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, log: (line) => said.push(line), durability: 'safe' })
  cleanups.push(() => server.stop())
  return server
}

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  return client
    .query(statement)
    .then(({ rows }) => rows)
    .finally(() => client.end())
}

const keepNote = (url: string) => query(url, "create table note as select 'kept' as body")
const readNotes = (url: string) => query(url, 'select body from note')

async function untilGone(pid: number): Promise<void> {
  const deadline = Date.now() + 15_000
  while (inspectProcess(pid) === 'postgres' && Date.now() < deadline) await pause(20)
  expect(inspectProcess(pid)).not.toBe('postgres')
}

test('data, port and password survive a restart', async () => {
  const dataDir = newDataDir()
  const first = await start(dataDir)
  await keepNote(first.url)
  await first.stop()
  const second = await start(dataDir)
  expect(second.url).toBe(first.url)
  expect(await readNotes(second.url)).toEqual([{ body: 'kept' }])
})

test('nobody gets in without the password, and no other user can read it', async () => {
  const dataDir = newDataDir()
  const { url } = await start(dataDir)
  const wrong = new URL(url)
  wrong.password = 'wrong'
  await expect(query(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' })
  expect(statSync(join(dataDir, 'server.json')).mode & 0o777).toBe(0o600)
  expect(readFileSync(join(dataDir, 'postgres.log'), 'utf8')).not.toContain(new URL(url).password)
})

test('what was committed is there after the server was killed', async () => {
  const dataDir = newDataDir()
  const first = await start(dataDir)
  await keepNote(first.url)
  await first.crash()
  expect(await readNotes((await start(dataDir)).url)).toEqual([{ body: 'kept' }])
})

test('a server does not outlive its killed supervisor, and the next start has the data', async () => {
  const dataDir = newDataDir()
  const supervisor = await startSupervisor(dataDir, 'safe')
  await keepNote(supervisor.url)
  supervisor.child.kill('SIGKILL')
  await untilGone(supervisor.pid)
  expect(await readNotes((await start(dataDir)).url)).toEqual([{ body: 'kept' }])
})

test('a throw-away server leaves nothing behind, also when its supervisor is killed', async () => {
  const dataDir = newDataDir()
  const supervisor = await startSupervisor(dataDir, 'throwaway')
  supervisor.child.kill('SIGKILL')
  await untilGone(supervisor.pid)
  const deadline = Date.now() + 15_000
  while (existsSync(dataDir) && Date.now() < deadline) await pause(20)
  expect(existsSync(dataDir)).toBe(false)
})

test('a server left running by a process that is gone is stopped and replaced', async () => {
  const dataDir = newDataDir()
  const first = await start(dataDir)
  await keepNote(first.url)
  await first.stop()

  const account = postgresAccount()
  const binaries = await prepareBinaries(account, dataDir, () => {})
  const record = readServerRecord(dataDir)!
  const logFile = join(dataDir, 'postgres.log')
  const cluster = { cluster: join(dataDir, 'data'), port: record.port, durability: 'safe' as const, logFile }
  const orphan = spawnPostmaster(binaries, account, cluster)
  while (!existsSync(join(dataDir, 'data', 'postmaster.pid'))) await pause(10)
  writeServerRecord(dataDir, { ...record, supervisorPid: 999_999_999 })

  const said: string[] = []
  const second = await start(dataDir, said)
  expect(said).toEqual([`stopping PostgreSQL ${orphan.pid}, left running by an earlier process`])
  expect(await readNotes(second.url)).toEqual([{ body: 'kept' }])
})

test('a lock file whose pid now belongs to somebody else does not stop a start', async () => {
  const dataDir = newDataDir()
  const first = await start(dataDir)
  await first.crash()
  const lock = join(dataDir, 'data', 'postmaster.pid')
  const [, ...rest] = readFileSync(lock, 'utf8').split('\n')
  // Of the same account: PostgreSQL already ignores a pid that it may not signal.
  const stranger = spawn('sleep', ['60'], { stdio: 'ignore', ...postgresAccount() })
  cleanups.push(() => stranger.kill())
  writeFileSync(lock, [stranger.pid, ...rest].join('\n'))
  await expect(start(dataDir).then(({ url }) => query(url, 'select 1 as one'))).resolves.toEqual([{ one: 1 }])
})

test('a server that a live process runs is left alone', async () => {
  const dataDir = newDataDir()
  const supervisor = await startSupervisor(dataDir, 'safe')
  cleanups.push(() => stop(supervisor.child))
  const refusal = `process ${supervisor.child.pid} already runs PostgreSQL`
  await expect(start(dataDir)).rejects.toThrow(refusal)
  expect(await query(supervisor.url, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('data of another major version are refused with what to do, and untouched', async () => {
  const dataDir = newDataDir()
  await (await start(dataDir)).stop()
  const version = join(dataDir, 'data', 'PG_VERSION')
  writeFileSync(version, '17\n')
  await expect(start(dataDir)).rejects.toThrow(
    /made by PostgreSQL 17 .* PostgreSQL 18.*: move it away .* or set DATABASE_URL/,
  )
  expect(readFileSync(version, 'utf8')).toBe('17\n')
})

test('a busy port is replaced by a free one, which is remembered', async () => {
  const dataDir = newDataDir()
  const first = await start(dataDir)
  await first.stop()
  const port = Number(new URL(first.url).port)
  const occupant = createServer().listen(port, '127.0.0.1')
  await once(occupant, 'listening')
  const second = await start(dataDir)
  expect(new URL(second.url).port).not.toBe(String(port))
  expect(readServerRecord(dataDir)!.port).toBe(Number(new URL(second.url).port))
  occupant.close()
})

test('a first start that was cut short does not spoil the next one', async () => {
  const dataDir = newDataDir()
  mkdirSync(join(dataDir, 'data.new'), { recursive: true })
  chmodSync(dataDir, 0o711)
  writeFileSync(join(dataDir, 'data.new', 'PG_VERSION'), '18\n')
  writeServerRecord(dataDir, { port: await freePort(undefined), password: 'p', supervisorPid: 999_999_999 })
  expect(await query((await start(dataDir)).url, 'select 1 as one')).toEqual([{ one: 1 }])
})

const asRoot = isRoot ? test : test.skip

asRoot('started by root, the server runs as an unprivileged account', async () => {
  const { pid } = await start(newDataDir())
  expect(statSync(`/proc/${pid}`).uid).toBe(postgresAccount()!.uid)
})

asRoot('where that account cannot go, root is told where the data are instead', async () => {
  const dataDir = newDataDir()
  mkdirSync(dataDir)
  chmodSync(dataDir, 0o700)
  const said: string[] = []
  const first = await start(dataDir, said)
  const area = /its files are in (\/var\/tmp\/dromos-[0-9a-f]{12})$/.exec(said[0] ?? '')?.[1] ?? ''
  cleanups.unshift(() => rmSync(area, { recursive: true, force: true }))
  await keepNote(first.url)
  await first.stop()
  expect(await readNotes((await start(dataDir)).url)).toEqual([{ body: 'kept' }])
})

asRoot('an ordinary user runs the server as itself', async () => {
  const account = postgresAccount()!
  // Where the account cannot read the checkout there is nothing it could run.
  if (!canEnter(new URL('../dist/', import.meta.url).pathname, account)) return
  const dataDir = newDataDir()
  mkdirSync(dataDir)
  chownSync(dataDir, account.uid, account.gid)
  const supervisor = await startSupervisor(dataDir, 'safe', account)
  expect(await query(supervisor.url, 'select 1 as one')).toEqual([{ one: 1 }])
  await stop(supervisor.child)
  await untilGone(supervisor.pid)
})

async function stop(child: { kill(signal: 'SIGTERM'): boolean } & NodeJS.EventEmitter): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}
