import { type Finding, isProven, type Proof, type ProofRun } from './proof.js'
import type { DatabaseServer } from './database.js'
import { createResources, type Resources } from './resources.js'
import { openStage } from './stage.js'
import { withinMinutes } from './within-minutes.js'

// Owns one proof from its first process to its verdict: progress, the time limit, and that nothing is left running.

export type ProofResult = {
  id: string
  title: string
  goal: string
  scale: number
  startedAt: string
  seconds: number
  verdict: 'met' | 'missed'
  findings: Finding[]
  /** Why it did not come to its end. */
  error: string | undefined
}

export type RunOptions = {
  server: DatabaseServer
  scale: number
  logDirectory: string
  /** Receives one line every two seconds. */
  progress(line: string): void
  /** Ended by whoever is interrupted; ended here after the proof. */
  resources?: Resources
}

const progressEveryMs = 2_000

export async function runProof(proof: Proof, options: RunOptions): Promise<ProofResult> {
  const { server, scale, logDirectory, resources = createResources() } = options
  const startedAt = new Date()
  const startedAtMs = performance.now()
  let status: () => Promise<string> = () => Promise.resolve('starting')
  const run: ProofRun = {
    scale,
    scaled: (count, atLeast) => Math.max(Math.round(count * scale), atLeast),
    server,
    openStage: (replicas, settings = {}) => openStage({ server, resources, logDirectory, replicas, settings }),
    show: (next) => (status = next),
  }
  const clock = setInterval(() => {
    const seconds = Math.round((performance.now() - startedAtMs) / 1000)
    status().then(
      (line) => options.progress(`${proof.id} ${String(seconds).padStart(4)} s  ${line}`),
      () => undefined, // a process that is just being ended has no progress
    )
  }, progressEveryMs)
  let findings: Finding[] = []
  let error: string | undefined
  try {
    findings = await withinMinutes(proof.deadlineMinutes, proof.run(run))
  } catch (thrown) {
    error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  } finally {
    clearInterval(clock)
    await resources.endAll()
  }
  const { id, title, goal } = proof
  const seconds = Math.round((performance.now() - startedAtMs) / 100) / 10
  const verdict = error === undefined && isProven(findings) ? 'met' : 'missed'
  return { id, title, goal, scale, startedAt: startedAt.toISOString(), seconds, verdict, findings, error }
}
