import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { runAttack } from '../../src/attack/attack.js'
import { type DatabaseServer, startDatabaseServer } from '../../src/index.js'

// `npm run attack` for a few seconds: real processes, hostile providers, every kind of actor.

let server: DatabaseServer
let directory: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'dromos-attack-test-'))
  // PostgreSQL may run as another account, which must be able to pass through to its own directory inside.
  chmodSync(directory, 0o711)
  mkdirSync(join(directory, 'logs'))
  server = await startDatabaseServer({ dataDir: join(directory, 'postgres'), durability: 'throwaway', log: () => {} })
}, 60_000)
afterAll(async () => {
  await server.stop()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

test('npm run attack, scaled down, finds nothing that may not happen', async () => {
  const logDirectory = join(directory, 'logs')
  const options = { seconds: 10, seed: 3, scale: 0.4, strikes: 'none', progress: () => {} } as const
  const { violations, unclassified, lastWord, did } = await runAttack({ ...options, server, logDirectory })
  expect({ violations, unclassified }).toEqual({ violations: {}, unclassified: {} })
  // A run in which nothing worked would prove nothing.
  expect(lastWord.intact).toBeGreaterThan(0)
  expect(did).toMatchObject({ attack: expect.any(Number), 'gRPC OK': expect.any(Number) })
}, 240_000)
