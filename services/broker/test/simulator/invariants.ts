import { isHeaderSafe } from '../../src/domain/credentials.js'
import type { Cluster } from './cluster.js'
import type { AttemptRecord } from './journal.js'

// Owns what must be true of every run, as functions over its journal and its end. The provider's journal is the oracle.

export type Violation = { invariant: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7'; text: string }

type Check = (cluster: Cluster) => string[]

/**
 * Judges a run that came to rest.
 * I1 no reuse that the provider detects, I2 no repeated presentation at all, unless a fault hid the first answer;
 * I3 a served token was issued, judged good, and is no older than what was judged when the caller asked;
 * I4 the stored refresh token is valid at the provider; I5 dead is what the provider calls dead, with the right reason;
 * I6 one refresh for each need; I7 every caller is answered and nothing is left held.
 */
export function judge(cluster: Cluster): Violation[] {
  const checks = { I1: reuse, I2: repetition, I3: serving, I4: holding, I5: believing, I6: counting, I7: ending }
  return Object.entries(checks).flatMap(([invariant, check]) =>
    check(cluster).map((text) => ({ invariant, text }) as Violation),
  )
}

/** True when a fault kept this attempt's answer from being durable while its lease was its own. */
function isExcused({ kind }: Cluster, attempt: AttemptRecord): boolean {
  const wasStoredInTime = attempt.storedAtMs !== undefined && attempt.storedAtMs <= attempt.leaseEndsAtMs
  if (attempt.hiddenBy !== undefined || (attempt.storageErrors > 0 && !wasStoredInTime)) return true
  // Where a dead owner may be taken over, one that lost its session for long is taken for dead.
  return attempt.lostSession && (kind.policy.mode === 'stable' || kind.policy.graceMs > 0)
}

const unexcused = (cluster: Cluster, verdict: 'reuse' | 'forgiven'): string[] =>
  cluster.journal.presentations
    .filter(({ verdict: is, spentBy }) => is === verdict && spentBy !== undefined && !isExcused(cluster, spentBy))
    // Within the grace a call in doubt, or one that was taken for dead, may come in after the one that repeated it.
    .filter(({ attempt }) => verdict === 'reuse' || !isExcused(cluster, attempt))
    .map(
      ({ refreshToken, attempt, spentBy }) =>
        `${attempt.process} presents ${refreshToken} under fence ${attempt.fence} although ${spentBy?.process} spent it ` +
        `under fence ${spentBy?.fence} and no fault hid the answer`,
    )

const reuse: Check = (cluster) => unexcused(cluster, 'reuse')

const repetition: Check = (cluster) => unexcused(cluster, 'forgiven')

const serving: Check = ({ journal }) => [
  ...journal.outdated,
  ...journal.calls.flatMap(({ answer, process, floorVersion }) => {
    if (answer?.kind !== 'served') return []
    const { accessToken, version } = answer
    return [
      ...(journal.stored.get(version) === accessToken ? [] : [`${process} serves ${accessToken}, which version ${version} is not`]), // prettier-ignore
      ...(isHeaderSafe(accessToken) ? [] : [`${process} serves a token the judge refuses`]),
      ...(version >= floorVersion ? [] : [`${process} serves version ${version} after ${floorVersion} was judged good`]), // prettier-ignore
    ]
  }),
]

/** A refresh token the provider holds valid that we hold too, or lost to a fault; and no answer in hand is dropped. */
const holding: Check = (cluster) => {
  const { provider, grant, row, journal } = cluster
  const [dropped] = journal.attempts.filter(
    ({ fencedAtMs, storedAtMs, hiddenBy }) =>
      fencedAtMs !== undefined && storedAtMs === undefined && hiddenBy !== 'crash',
  )
  if (dropped !== undefined) return [`the answer that came back under fence ${dropped.fence} was dropped`]
  const held = row.credentials.refreshToken ?? 'none'
  if (grant.endedBy !== undefined || grant.current.has(held)) return []
  const lost = [...grant.current].flatMap((each) => provider.issuedTo(each) ?? [])
  const [careless] = lost.filter((attempt) => !isExcused(cluster, attempt))
  if (careless !== undefined)
    return [`the answer under fence ${careless.fence} was lost without a fault: ${held} is held`]
  return row.status === 'active' ? [`${held} is held, valid is ${[...grant.current].join(', ')}`] : []
}

const believing: Check = (cluster) => {
  const { grant, row, journal } = cluster
  const isUsable = isHeaderSafe(row.credentials.accessToken)
  const tooEarly = journal.settlements
    .filter(({ hadOrphan }) => hadOrphan)
    .map(({ attempt, reason }) => `fence ${attempt.fence} settles ${reason} while a valid answer lay among the orphans`)
  if (row.status === 'active')
    return [
      ...tooEarly,
      ...(grant.endedBy === undefined ? [] : ['active, but the grant is dead']),
      ...(isUsable ? [] : ['active with a token the judge refuses']),
    ]
  const wrong = isRightReason(cluster, isUsable) ? [] : [`attention (${row.reason}), but ${whatIs(cluster)}`]
  return [...tooEarly, ...wrong]
}

function isRightReason({ grant, row, journal }: Cluster, isUsable: boolean): boolean {
  const { endedBy, current } = grant
  switch (row.reason) {
    case 'token_unusable':
      return !isUsable
    case 'revoked':
      // Who dies between adopting an orphan and settling takes along what was doubtful about it.
      if (journal.attempts.some(({ adoption }) => adoption === 'unsettled')) return endedBy !== undefined
      return endedBy === 'person'
    case 'lost_rotation':
      // Revoked while a call was in doubt: nobody can tell which it was.
      if (endedBy === 'person')
        return journal.settlements.some(
          ({ attempt: { previous, version } }) => previous !== 'idle' && version >= journal.consentVersion,
        )
      return endedBy === 'reuse' || !current.has(row.credentials.refreshToken ?? 'none')
    default:
      return false
  }
}

const whatIs = ({ grant, row }: Cluster): string =>
  grant.endedBy === undefined
    ? `the grant lives with ${[...grant.current].join(', ')} and ${row.credentials.refreshToken} is held`
    : `the grant was ended by ${grant.endedBy}`

const counting: Check = ({ journal }) => {
  const causeless = journal.presentations
    .filter(({ attempt }) => !attempt.hasCause)
    .map(({ attempt: { fence, version } }) => `fence ${fence} refreshes version ${version}, which nobody needed`)
  const replaced = new Map<number, AttemptRecord>()
  const repeated: string[] = []
  for (const { attempt, verdict } of journal.presentations) {
    const earlier = replaced.get(attempt.version)
    if (earlier !== undefined && earlier !== attempt && isClean(earlier) && isClean(attempt))
      repeated.push(`fence ${attempt.fence} refreshes version ${attempt.version}, as fence ${earlier.fence} had done`)
    if (verdict === 'accepted') replaced.set(attempt.version, attempt)
  }
  return [...causeless, ...repeated]
}

const isClean = ({ hiddenBy, lostSession, storedAtMs, leaseEndsAtMs }: AttemptRecord): boolean =>
  hiddenBy === undefined && !lostSession && storedAtMs !== undefined && storedAtMs <= leaseEndsAtMs

const ending: Check = ({ journal, replicas, row }) => {
  const alive = new Map(replicas.map(({ process }) => [process.name, process.life]))
  return [
    ...journal.calls
      .filter(({ answer, process, life }) => answer === undefined && alive.get(process) === life)
      .map(({ process, demand }) => `${process} never answers a caller (${demand})`),
    ...(row.leaseOwner === undefined ? [] : [`the lease is still held by ${row.leaseOwner}`]),
    ...(row.attempt === 'idle' || row.attempt === 'in_doubt' ? [] : [`the attempt is left ${row.attempt}`]),
  ]
}
