import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openRunDirectory, proofs, type RunDirectory, runProof } from '../src/index.js'

// The proofs of docs/reliability.md at a small scale: real processes and real faults, in seconds. Times are not judged here.

let directory: RunDirectory
beforeAll(async () => {
  directory = await openRunDirectory('prove-test', 'throwaway')
}, 60_000)
afterAll(() => directory.close('nothing'), 60_000)

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
      const { server, logDirectory } = directory
      const { error, findings } = await runProof(proof, { server, scale, logDirectory, progress: () => {} })
      expect({ error, missed: findings.filter(({ isMet }) => isMet === false) }).toEqual({
        error: undefined,
        missed: [],
      })
      expect(findings.length).toBeGreaterThan(0)
    },
    180_000,
  )
})
