import type { Shell } from '@dromos/local'
import type { DatabaseServer, Finding, Remote, Resources } from '@dromos/prove'
import type { LoadFunctions } from './load-main.js'
import type { Side } from './side.js'

// Owns the words of a measurement: what is compared, what came of it, and what a scenario may use.

export type Scenario = {
  id: string
  title: string
  /** One sentence with its numbers, as docs/performance.md has it. */
  goal: string
  /** Runs only when it is named: it has no goal. */
  isExtra?: true
  /** Starts brokers of its own, not the pair whose services can be profiled. */
  isProof?: true
  run(run: Run): Promise<Outcome>
}

export type Outcome = {
  /** The floor first. */
  sides: readonly Side[]
  findings: readonly Finding[]
}

export type Run = {
  /** Length of one window of load; every side gets `rounds` of them, in turns. */
  seconds: number
  rounds: number
  /** 1 = as many connections as the goals of P5 and P6 say. */
  scale: number
  /** Connections in the table where a scenario does not say otherwise. */
  rows: number
  against: Against | undefined
  profile: Profiling | undefined
  /** The environment of whoever started the command: services take over what npm start takes over. */
  shell: Shell
  server: DatabaseServer
  load: Remote<LoadFunctions>
  /** Ended when the scenario is over. */
  resources: Resources
  logDirectory: string
  show(line: string): void
}

/** A CPU profile of one service of the pair, written when it ends. */
export type Profiling = { service: string; file: string }

/** Another server that speaks the v1 API, measured beside ours. */
export type Against = {
  url: URL
  apiKey: string
  connectionId: string
  /** Only with it P3 can ask there. */ provider: string | undefined
}

/** Requests in flight: as many agents, each waiting for its answer. */
export const agents = 64
