import { churn, type Churn, shortLivedSeconds } from '../churn.js'
import type { Death } from '../fleet.js'
import { exactly, type Finding, listed, none, type Proof, type ProofRun, shown } from '../proof.js'
import type { Presentation } from '../provider-main.js'
import type { Stage } from '../stage.js'
import { createStrikes } from '../strikes.js'

// R3 and R4: brokers are killed with SIGKILL in the middle of their work.

export const killGrace: Proof = {
  id: 'R3',
  title: 'kill -9, provider with 30 s of grace',
  goal: '200 random SIGKILLs, about one a second, 600 busy connections: 0 lost, 0 failed reads',
  deadlineMinutes: 15,
  async run(run) {
    const { stage, result, deaths } = await killRandomly(run, 30_000)
    const { ledger, reads } = result
    const presentations = await stage.provider.presentations('busy')
    const lost = Object.values(ledger.declared).flat()
    return [
      exactly('SIGKILLs', run.scaled(200, 3), deaths.length),
      exactly('connections that hold the current refresh token', result.connections.length, ledger.intact),
      exactly('connections whose next refresh works', result.connections.length, result.worked),
      exactly('refresh tokens used after their grace', 0, ledger.reuses),
      none('failed reads', { ...reads.failed, ...reads.attention }),
      ...shownOf(result),
      shown('recovered inside the grace', result.presentedAgain),
      ...lost.map((id) => shown('lost', retriesOf(familyOf(result, id), presentations, deaths))),
    ]
  },
}

export const killStrict: Proof = {
  id: 'R4',
  title: 'kill -9, strict provider',
  goal: '200 random SIGKILLs: lost are exactly the rotations in flight at a kill, all of them classified lost_rotation, 0 silent',
  deadlineMinutes: 15,
  async run(run) {
    const { stage, result, deaths } = await killRandomly(run, 0)
    const { ledger, reads } = result
    const { lost_rotation: lost = [], ...otherwise } = ledger.declared
    const [presentations, families] = await Promise.all([
      stage.provider.presentations('busy'),
      stage.provider.families('busy'),
    ])
    const evidence = lost.map((id) => inFlightAtKill(familyOf(result, id), presentations, deaths))
    const ages = evidence.filter((age) => age !== undefined)
    return [
      exactly('SIGKILLs', run.scaled(200, 3), deaths.length),
      shown('lost, of all refreshes', `${lost.length} of ${result.refreshes}`),
      exactly('lost with their rotation in flight at a kill', lost.length, ages.length),
      exactly('grants the provider ended', lost.length, families.filter(({ alive }) => !alive).length),
      none('declared for another reason', countsOf(otherwise)),
      exactly('silent: active, but dead or outdated', 0, ledger.silent.length),
      exactly('declared dead while alive', 0, ledger.falseDeaths.length),
      exactly('all others hold the current refresh token', result.connections.length - lost.length, ledger.intact),
      exactly('all others: the next refresh works', result.connections.length - lost.length, result.worked),
      none('failed reads of all others', { ...reads.failed, ...withoutLost(reads.attention) }),
      shown('oldest rotation that a kill lost', `${Math.max(0, ...ages)} ms before it`),
      ...shownOf(result),
    ]
  },
}

/** How often and for how long the last refresh token of a family was presented, and how many of those who did were killed. */
function retriesOf(family: string, presentations: readonly Presentation[], deaths: readonly Death[]): string {
  const ofFamily = presentations.filter(({ refreshToken }) => refreshToken.startsWith(`rt_${family}_`))
  const lastToken = ofFamily.at(-1)?.refreshToken
  const tries = ofFamily.filter(({ refreshToken }) => refreshToken === lastToken)
  const firstMs = tries[0]?.atMs ?? 0
  const killed = tries.filter(({ from }) => deaths.some(({ incarnation }) => from.includes(`//${incarnation}.`)))
  const times = tries.map(({ atMs }) => `${Math.round((atMs - firstMs) / 100) / 10} s`)
  return `presented after ${times.join(', ')}; ${killed.length} of these processes were killed at some time`
}

async function killRandomly(
  run: ProofRun,
  graceMs: number,
): Promise<{ stage: Stage; result: Churn; deaths: readonly Death[] }> {
  const stage = await run.openStage(4)
  const provider = await stage.addProvider({
    name: 'busy',
    graceMs,
    accessTokenSeconds: shortLivedSeconds,
    latency: { meanMs: 80 },
  })
  const deaths: Death[] = []
  const strikes = createStrikes(stage.fleet, async (replica) => void deaths.push(await stage.fleet.kill(replica)))
  const times = run.scaled(200, 3)
  const result = await churn({
    run,
    stage,
    provider,
    connections: run.scaled(600, 40),
    faults: () => strikes.run(times),
    struck: () => `${strikes.count()} of ${times} SIGKILLs`,
  })
  return { stage, result, deaths }
}

/** A call takes 140 ms at most here; the rest is a busy machine. */
const inFlightMs = 2_000

/**
 * Milliseconds between the arrival of the family's last successful rotation at the provider and the death of the very process
 * that had asked for it. undefined = that process was not killed then: the loss has another cause.
 */
function inFlightAtKill(
  family: string,
  presentations: readonly Presentation[],
  deaths: readonly Death[],
): number | undefined {
  const rotated = presentations.filter(
    ({ refreshToken, status }) => refreshToken.startsWith(`rt_${family}_`) && status === 200,
  )
  const last = rotated.at(-1)
  const death = deaths.find(({ incarnation }) => last?.from.includes(`//${incarnation}.`))
  if (last === undefined || death === undefined) return undefined
  const ageMs = death.atMs - last.atMs
  // Negative: the request was on its way when its sender died.
  return Math.abs(ageMs) < inFlightMs ? ageMs : undefined
}

const familyOf = ({ connections }: Churn, id: string): string =>
  connections.find((connection) => connection.id === id)?.family ?? 'unknown'

const countsOf = (ids: Record<string, readonly string[]>): Record<string, number> =>
  Object.fromEntries(Object.entries(ids).map(([reason, list]) => [reason, list.length]))

function withoutLost(attention: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(attention).filter(([reason]) => reason !== 'lost_rotation'))
}

const shownOf = ({ reads, refreshes }: Churn): Finding[] => [
  shown('reads, refreshes', `${reads.reads}, ${refreshes}`),
  shown('read p99', `${reads.p99Ms} ms`),
  shown('retried', listed(reads.retried)),
]
