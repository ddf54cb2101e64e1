import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { freePort } from '@dromos/local'
import { createTestDatabase } from '@dromos/local/test-database'

const program = fileURLToPath(new URL('./frozen-fleet.mjs', import.meta.url))

let orchestrator: ChildProcess
let directory: string
let database: Awaited<ReturnType<typeof createTestDatabase>>
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'dromos-prove-test-'))
  database = await createTestDatabase()
})
afterEach(async () => {
  orchestrator.kill('SIGKILL')
  await database.drop()
  rmSync(directory, { recursive: true, force: true })
})

const brokersOf = (pid: number): { pid: number; state: string }[] =>
  execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, , ...program]) => Number(parent) === pid && program.join(' ').includes('broker/dist/bundle.js'))
    .map(([own, , state = '']) => ({ pid: Number(own), state }))

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('kill -9 of the proofs while a broker is frozen leaves no broker behind', async () => {
  const key = randomBytes(32).toString('base64')
  const port = String(await freePort(undefined))
  orchestrator = spawn(process.execPath, [program, database.url, key, directory, port], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (orchestrator.stdout === null || orchestrator.pid === undefined) throw new Error('it did not start')
  await once(orchestrator.stdout, 'data')
  const brokers = brokersOf(orchestrator.pid)
  expect(brokers).toEqual([{ pid: expect.any(Number), state: expect.stringContaining('T') }])
  orchestrator.kill('SIGKILL')
  for (let tries = 0; tries < 500 && brokers.some(({ pid }) => isAlive(pid)); tries++) await pause(20)
  expect(brokers.filter(({ pid }) => isAlive(pid))).toEqual([])
}, 60_000)
