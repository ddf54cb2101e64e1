import { below, exactly, type Finding, listed, none, type Proof, type ProofRun, shown } from '../proof.js'
import type { Target } from '../read-load.js'
import type { Stage, StageProvider } from '../stage.js'
import { sumOf, type TallyReport } from '../tally.js'
import { apiKey } from '../fleet.js'

// R1 and the first half of R2: every connection is expired, eight agents want each one at the same time, four replicas serve
// them, and the provider ends a grant whose refresh token comes twice.

export const exactlyOnce: Proof = refreshStorm('R1', { p99Ms: 500, seconds: 90, warmUp: 0 })

/** The limits of the times are whoever's who promises them. `warmUp`: connections refreshed before, which count for nothing. */
export function refreshStorm(id: string, limits: { p99Ms: number; seconds: number; warmUp: number }): Proof {
  return {
    id,
    title: 'exactly-once refresh',
    goal: `4 replicas, 10,000 expired strict connections, 80,000 reads by 64 readers: 10,000 refreshes, 0 reuse, 0 failed reads, p99 < ${limits.p99Ms} ms, < ${limits.seconds} s`,
    deadlineMinutes: 10,
    async run(run) {
      const stage = await run.openStage(4, settings)
      const strict = { graceMs: 0, accessTokenSeconds: 3_600, latency: { meanMs: 80 } }
      if (limits.warmUp > 0) {
        const other = await stage.addProvider({ name: 'warm-up', ...strict })
        await readAllOnce(run, stage, other, run.scaled(limits.warmUp, 10))
      }
      const provider = await stage.addProvider({ name: 'strict', ...strict })
      const { report, seconds, findings } = await readAllOnce(run, stage, provider, run.scaled(10_000, 40))
      return [
        ...findings,
        below(run, 'read p99', limits.p99Ms, 'ms', report.p99Ms),
        below(run, 'duration', limits.seconds, 's', seconds),
        shown('read p50', `${report.p50Ms} ms`),
        shown('slowest read', `${report.maxMs} ms`),
        shown('retried', listed(report.retried)),
        shown('refreshed before, to warm up', String(limits.warmUp === 0 ? 0 : run.scaled(limits.warmUp, 10))),
      ]
    },
  }
}

/** As an operator would at such a load: the default of 50 refreshes a second is meant to spare the provider. */
const settings = { REFRESH_RATE_PER_PROVIDER: '200', REFRESH_CONCURRENCY_PER_PROVIDER: '50' }
const readsPerConnection = 8
/** Reads of so many connections are shuffled together: the eight reads of one overlap without standing in a row. */
const windowConnections = 32

export async function readAllOnce(
  run: ProofRun,
  stage: Stage,
  provider: StageProvider,
  count: number,
): Promise<{ report: TallyReport; seconds: number; findings: Finding[] }> {
  const connections = await provider.seed(count, -60_000)
  // As autovacuum does within a minute: what was planned for a table of a few rows may read the whole of it.
  await stage.database.rows('analyze')
  run.show(() => progressOf(stage, provider, count * readsPerConnection))
  const startedAtMs = performance.now()
  await stage.load.start('readers', {
    brokers: stage.fleet.urls,
    apiKey,
    connections: overlapping(connections),
    readers: 64,
    order: 'list',
    requestTimeoutMs: 30_000,
    patienceMs: 60_000,
  })
  const report = await stage.load.finished('readers')
  if (report === undefined) throw new Error('the readers were not started')
  const seconds = Math.round((performance.now() - startedAtMs) / 100) / 10
  const [counts, ledger] = await Promise.all([stage.provider.counts(provider.name), provider.compare()])
  const findings = [
    exactly('reads', count * readsPerConnection, report.reads),
    exactly('refreshes at the provider', count, counts.refreshes),
    exactly('refresh tokens presented twice', 0, counts.reuses),
    none('failed reads', { ...report.failed, ...report.attention }),
    exactly('connections that hold the current refresh token', count, ledger.intact),
    exactly('replicas that ended on their own', 0, stage.fleet.unexpectedEnds()),
  ]
  return { report, seconds, findings }
}

function overlapping(connections: readonly Target[]): Target[] {
  const order: Target[] = []
  for (let start = 0; start < connections.length; start += windowConnections) {
    const window = connections.slice(start, start + windowConnections)
    order.push(...shuffled(window.flatMap((each) => Array.from({ length: readsPerConnection }, () => each))))
  }
  return order
}

function shuffled<Item>(items: Item[]): Item[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item)
}

async function progressOf(stage: Stage, { name }: StageProvider, reads: number): Promise<string> {
  const [tally, counts] = await Promise.all([stage.load.progress('readers'), stage.provider.counts(name)])
  const failed = tally === undefined ? 0 : sumOf(tally.failed) + sumOf(tally.attention)
  return `${tally?.reads ?? 0} of ${reads} reads, ${counts.refreshes} refreshes, ${counts.reuses} reuses, ${failed} failed, p99 ${tally?.p99Ms ?? 0} ms`
}
