import { loadavg } from 'node:os'
import { createResources, type Finding, type Resources, startChild, withinMinutes } from '@dromos/prove'
import type { LoadFunctions } from './load-main.js'
import type { Run, Scenario } from './scenario.js'
import type { Side } from './side.js'

// Owns one scenario from its first process to its verdict: the time limit, the load average, and that nothing is left running.

export type BenchResult = {
  id: string
  title: string
  goal: string
  startedAt: string
  /** How long it took, all in all. */
  seconds: number
  /** Of the last minute, before and after. */
  loadAverage: [before: number, after: number]
  sides: readonly Side[]
  findings: readonly Finding[]
  verdict: 'met' | 'missed'
  /** Why it did not come to its end. */
  error: string | undefined
}

export type RunOptions = Omit<Run, 'load' | 'resources'> & {
  /** Ended by whoever is interrupted; ended here after the scenario. */
  resources?: Resources
}

const deadlineMinutes = 10
const programs = new URL('../dist/', import.meta.url)

export async function runScenario(scenario: Scenario, options: RunOptions): Promise<BenchResult> {
  const { resources = createResources() } = options
  const startedAt = new Date()
  const startedAtMs = performance.now()
  const [before = 0] = loadavg()
  let outcome: Awaited<ReturnType<Scenario['run']>> = { sides: [], findings: [] }
  let error: string | undefined
  try {
    const load = startChild<LoadFunctions>('load-main', programs)
    resources.add(() => load.end())
    outcome = await withinMinutes(deadlineMinutes, scenario.run({ ...options, load, resources }))
  } catch (thrown) {
    error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  } finally {
    await resources.endAll()
  }
  const { id, title, goal } = scenario
  const [after = 0] = loadavg()
  const seconds = Math.round((performance.now() - startedAtMs) / 100) / 10
  const isMet = error === undefined && outcome.findings.every((finding) => finding.isMet !== false)
  const verdict = isMet ? 'met' : 'missed'
  const loadAverage: BenchResult['loadAverage'] = [before, after]
  return { id, title, goal, startedAt: startedAt.toISOString(), seconds, loadAverage, ...outcome, verdict, error }
}
