import { refreshStorm as storm, runProof } from '@dromos/prove'
import type { Scenario } from '../scenario.js'

// The proof R1 of docs/reliability.md with tighter limits and, like every scenario here, with processes that have warmed up: it
// goes through the brokers, each a process, and the provider's journal counts.
const proof = storm('P5', { p99Ms: 300, seconds: 60, warmUp: 3_000 })

export const refreshStorm: Scenario = {
  id: 'P5',
  isProof: true,
  title: 'refresh storm',
  goal: '10,000 expired strict connections, 4 brokers, 64 readers, a provider of 80 ms: exactly 10,000 calls, < 60 s, p99 < 300 ms',
  async run({ server, scale, logDirectory, resources, show }) {
    const { findings, error } = await runProof(proof, { server, scale, logDirectory, resources, progress: show })
    if (error !== undefined) throw new Error(error)
    return { sides: [], findings }
  },
}
