import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { runAttack } from '../../src/attack/attack.js'
import { openRunDirectory, type RunDirectory } from '../../src/index.js'

// `npm run attack` for a few seconds: real processes, hostile providers, every kind of actor.

let directory: RunDirectory
beforeAll(async () => {
  directory = await openRunDirectory('attack-test', 'throwaway')
}, 60_000)
afterAll(() => directory.close('nothing'), 60_000)

test('npm run attack, scaled down, finds nothing that may not happen', async () => {
  const { server, logDirectory } = directory
  const options = { seconds: 10, seed: 3, scale: 0.4, strikes: 'none', progress: () => {} } as const
  const { violations, unclassified, lastWord, did } = await runAttack({ ...options, server, logDirectory })
  expect({ violations, unclassified }).toEqual({ violations: {}, unclassified: {} })
  // A run in which nothing worked would prove nothing.
  expect(lastWord.intact).toBeGreaterThan(0)
  expect(did).toMatchObject({ attack: expect.any(Number), 'gRPC OK': expect.any(Number) })
}, 240_000)
