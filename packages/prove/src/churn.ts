import { setTimeout as pause } from 'node:timers/promises'
import { apiKey } from './fleet.js'
import type { Ledger } from './ledger.js'
import type { ProofRun } from './proof.js'
import type { Target } from './read-load.js'
import { settle } from './settle.js'
import type { Stage, StageProvider } from './stage.js'
import { sumOf, type TallyReport } from './tally.js'

// Owns busy connections under faults: agents read without end, tokens end every two seconds, something is broken again and
// again, and when it stops everything is counted. Does not own what is broken: the proofs do.

/** A broker counts a token as expired 30 s before its end, so these are used for two seconds. */
export const shortLivedSeconds = 32

export type Churn = {
  connections: readonly Target[]
  reads: TallyReport
  /** Reads until the last fault, and what was settled after it. */
  ledger: Ledger
  refreshes: number
  /** Refresh tokens that were presented more than once. */
  presentedAgain: number
  /** Connections whose refresh worked after everything. */
  worked: number
}

export type ChurnOptions = {
  run: ProofRun
  stage: Stage
  provider: StageProvider
  connections: number
  requestTimeoutMs?: number
  /** Breaks things until it resolves; `struck` says how often so far. */
  faults(): Promise<void>
  struck(): string
}

const readers = 24
const readerPauseMs = 30

export async function churn(options: ChurnOptions): Promise<Churn> {
  const { run, stage, provider } = options
  const connections = await provider.seed(options.connections, -60_000)
  run.show(() => progressOf(stage, provider, options.struck()))
  await stage.load.start('readers', {
    brokers: stage.fleet.urls,
    apiKey,
    connections,
    readers,
    pauseMs: readerPauseMs,
    order: 'endless',
    requestTimeoutMs: options.requestTimeoutMs ?? 25_000,
    patienceMs: 60_000,
  })
  // Without this the first faults would meet brokers that are still warming up.
  await pause(1_000)
  await options.faults()
  await pause(1_000)
  const reads = await stage.load.stop('readers')
  if (reads === undefined) throw new Error('the readers were not started')
  run.show(async () => Promise.resolve(`${options.struck()}, settling`))
  const { worked } = await settle(stage, provider)
  // Schedulers would go on refreshing while the two sides are compared.
  await stage.fleet.drainAll()
  const [ledger, counts, presentations] = await Promise.all([
    provider.compare(),
    stage.provider.counts(provider.name),
    stage.provider.presentations(provider.name),
  ])
  const distinct = new Set(presentations.map(({ refreshToken }) => refreshToken))
  const presentedAgain = presentations.length - distinct.size
  return { connections, reads, ledger, refreshes: counts.refreshes, presentedAgain, worked }
}

async function progressOf(stage: Stage, { name }: StageProvider, struck: string): Promise<string> {
  const [tally, counts] = await Promise.all([stage.load.progress('readers'), stage.provider.counts(name)])
  const failed = sumOf(tally?.failed ?? {})
  const ready = `${stage.fleet.ready().length} of ${stage.fleet.urls.length} brokers`
  return `${struck}, ${ready}, ${tally?.reads ?? 0} reads, ${counts.refreshes} refreshes, ${counts.reuses} reuses, ${failed} failed`
}
