import { setTimeout as pause } from 'node:timers/promises'
import { seedIdle } from '../bulk-load.js'
import { below, exactly, type Finding, type Proof, type ProofRun, shown } from '../proof.js'
import type { Target } from '../read-load.js'
import type { Stage, StageProvider } from '../stage.js'

// R15: a million connections, three hundred of them due each second, and no leader.

const perSecond = 300
const lifetimeMs = 3_600_000
/** A fifth of an hour's token: refreshed this long before its end. */
const marginMs = lifetimeMs / 5
const firstDueMs = 20_000
/** One replica for each core, each with twice its share of the rate: what waited for the processor can be made good. */
const replicas = 2
const settings = { REFRESH_RATE_PER_PROVIDER: '300', REFRESH_CONCURRENCY_PER_PROVIDER: '80' }

export const schedule: Proof = {
  id: 'R15',
  title: 'scheduler at a million connections',
  goal: '1,000,000 rows, 300 of them due each second for a minute: claim p99 < 10 ms, 300 refreshes/s, lateness < 30 s, no second above 2x the mean',
  deadlineMinutes: 15,
  async run(run) {
    const stage = await run.openStage(replicas, settings)
    const provider = await stage.addProvider({
      name: 'scheduled',
      graceMs: 0,
      accessTokenSeconds: lifetimeMs / 1000,
      latency: { meanMs: 80 },
    })
    const rows = run.scaled(1_000_000, 20_000)
    const seconds = run.scaled(60, 10)
    const due = perSecond * seconds
    let seeded = 0
    run.show(() => Promise.resolve(`${seeded} of ${rows - due} rows seeded`))
    await seedIdle(stage.database, provider.id, rows - due, (made) => (seeded = made))
    const { connections, startMs } = await seedDue(stage, provider, due, seconds)
    await stage.database.logStatementsFrom(1)
    run.show(async () => `${(await stage.provider.counts(provider.name)).refreshes} of ${due} refreshes`)
    await allRefreshed(stage, provider, due, startMs + seconds * 1000 + 120_000)
    const arrivals = await arrivalsOf(stage, provider)
    const ledger = await provider.compare()
    return [
      exactly('refreshes', due, arrivals.size),
      exactly('refresh tokens presented twice', 0, ledger.reuses),
      ...judgeTimes(run, connections, arrivals, startMs, seconds),
      ...judgeClaims(run),
      shown('rows in the table', rows),
    ]
  },
}

/** Grants that come due one after the other, evenly. */
async function seedDue(
  { database }: Stage,
  provider: StageProvider,
  due: number,
  seconds: number,
): Promise<{ connections: readonly Target[]; startMs: number }> {
  const startMs = Date.now() + firstDueMs
  const dueInMs = (index: number): number => startMs - Date.now() + (index / due) * seconds * 1000
  const connections = await provider.seed(due, (index) => dueInMs(index) + marginMs)
  await database.rows(
    `update connections set last_used_at = now(), last_refreshed_at = expires_at - $1 * interval '1 millisecond',
       next_refresh_at = expires_at - $2 * interval '1 millisecond'
     where id = any($3)`,
    [lifetimeMs, marginMs, connections.map(({ id }) => id)],
  )
  return { connections, startMs }
}

async function allRefreshed(stage: Stage, { name }: StageProvider, due: number, giveUpAtMs: number): Promise<void> {
  while ((await stage.provider.counts(name)).refreshes < due && Date.now() < giveUpAtMs) await pause(250)
}

/** When each family's refresh token came to the provider. */
async function arrivalsOf(stage: Stage, { name }: StageProvider): Promise<ReadonlyMap<string, number>> {
  const presentations = await stage.provider.presentations(name)
  return new Map(presentations.map(({ refreshToken, atMs }) => [refreshToken.split('_')[1] ?? '', atMs]))
}

function judgeTimes(
  run: ProofRun,
  connections: readonly Target[],
  arrivals: ReadonlyMap<string, number>,
  startMs: number,
  seconds: number,
): Finding[] {
  const latenessMs = connections.map(({ family }, index) => {
    const dueAtMs = startMs + (index / connections.length) * seconds * 1000
    return (arrivals.get(family) ?? Infinity) - dueAtMs
  })
  const times = [...arrivals.values()]
  const firstMs = Math.min(...times)
  const lastedSeconds = Math.max((Math.max(...times) - firstMs) / 1000, 1)
  const buckets = new Map<number, number>()
  for (const atMs of times) {
    const second = Math.floor((atMs - firstMs) / 1000)
    buckets.set(second, (buckets.get(second) ?? 0) + 1)
  }
  const mean = arrivals.size / lastedSeconds
  const peak = Math.max(...buckets.values()) / mean
  return [
    // Work that comes at 300 a second and is done in the minute it came in was done at 300 a second.
    below(run, 'time from first to last refresh', seconds + 5, 's', Math.round(lastedSeconds * 10) / 10),
    shown('refreshes a second', `${Math.round(mean)} mean, ${Math.max(...buckets.values())} at most`),
    below(run, 'greatest lateness', 30_000, 'ms', Math.round(Math.max(...latenessMs))),
    below(run, 'busiest second against the mean', 2, 'x', Math.round(peak * 100) / 100),
  ]
}

function judgeClaims(run: ProofRun): Finding[] {
  const claims = run.server.loggedDurationsMs('skip locked').sort((one, other) => one - other)
  const p99Ms = claims[Math.min(claims.length - 1, Math.floor(claims.length * 0.99))] ?? 0
  return [
    // Faster ones are not logged, so the true value is lower.
    below(run, 'claim p99, of claims that took 1 ms or more', 10, 'ms', p99Ms),
    shown('claims that took 1 ms or more', claims.length),
  ]
}
