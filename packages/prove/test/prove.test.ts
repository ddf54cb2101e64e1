import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type DatabaseServer, proofs, runProof, startDatabaseServer } from '../src/index.js'

// The proofs of docs/reliability.md at a small scale: real processes and real faults, in seconds. Times are not judged here.

let server: DatabaseServer
let directory: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'dromos-prove-test-'))
  // PostgreSQL may run as another account, which must be able to pass through to its own directory inside.
  chmodSync(directory, 0o711)
  server = await startDatabaseServer({ dataDir: directory, durability: 'throwaway', log: () => {} })
}, 60_000)
afterAll(() => server.stop(), 60_000)

const scales: [id: string, scale: number][] = [
  ['R1', 0.01],
  ['R5', 0.015],
  ['R6-sessions', 0.025],
  ['R9', 0.02],
  ['R16', 0.003],
]

describe('npm run prove, scaled down', () => {
  test.each(scales)(
    '%s is met',
    async (id, scale) => {
      const proof = proofs.find((each) => each.id === id)
      if (proof === undefined) throw new Error(`no proof ${id}`)
      const { error, findings } = await runProof(proof, { server, scale, logDirectory: directory, progress: () => {} })
      expect({ error, missed: findings.filter(({ isMet }) => isMet === false) }).toEqual({
        error: undefined,
        missed: [],
      })
      expect(findings.length).toBeGreaterThan(0)
    },
    180_000,
  )
})
