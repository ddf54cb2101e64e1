import { isHeaderSafe } from '../../src/domain/credentials.js'
import { startRefresh } from '../../src/domain/refresh-machine.js'
import type { Demand, Lease, RefreshEffect, RefreshEvent, RefreshResult } from '../../src/domain/refresh-protocol.js'
import { type Attempt, newAttempt, recordOf, viewed } from './attempt.js'
import { callProvider } from './call.js'
import { believesLockHeld, execute, ownerOf, pass, type Replica } from './cluster.js'
import { places } from './faults.js'
import type { AttemptRecord } from './journal.js'
import type { Row, Server } from './row-model.js'
import { adoptOrphan, captureAnswer, completeRefresh, fileOrphan, seekOrphan } from './storing.js'
import type { Routine } from './world.js'

// Owns the simulated counterpart of src/flows/refresh-effects.ts and its neighbours, effect by effect; the machine and the
// merge rule are the real ones. Not mirrored: sealing, audit rows (they delay and decide nothing), metadata (`unsent`
// stands for it), id_token verification (`token_unusable` and `keys_unavailable` stand for its two outcomes).

/** The keys of the provider's id_tokens cannot be fetched: the judge throws. */
export class KeysUnavailable extends Error {}

/** Runs the machine to its end. Throws DatabaseAway, KeysUnavailable. */
export function* refreshOnce(replica: Replica, demand: Demand): Routine<{ result: RefreshResult; attempt: Attempt }> {
  const { protocol } = replica.cluster
  const attempt = newAttempt(replica, demand)
  let [state, effect] = protocol.step(startRefresh(demand), { type: 'started' })
  while (state.at !== 'ended') [state, effect] = protocol.step(state, yield* perform(attempt, effect))
  return { result: state.result, attempt }
}

function* perform(attempt: Attempt, effect: RefreshEffect): Routine<RefreshEvent> {
  switch (effect.do) {
    case 'view':
      return yield* viewRow(attempt, effect.looksAtOwner)
    case 'wait':
      return yield* waitWithJitter(attempt, effect.ms)
    case 'acquire':
      return yield* acquireLease(attempt, effect.takesOver)
    case 'seek_orphan':
      return yield* seekOrphan(attempt)
    case 'call':
      return yield* callProvider(attempt, recordOf(attempt))
    case 'capture':
      return yield* captureAnswer(attempt)
    case 'complete':
      return yield* completeRefresh(attempt, effect)
    case 'adopt_orphan':
      return yield* adoptOrphan(attempt)
    case 'file_orphan':
      return yield* fileOrphan(attempt)
    case 'judge':
      return yield* judgeAnswer(attempt)
    case 'settle':
      return yield* settleLease(attempt, effect)
    case 'release':
      return yield* releaseLease(attempt, effect)
    case 'nothing':
      return { type: 'released' }
  }
}

function* viewRow(attempt: Attempt, looksAtOwner: boolean): Routine<RefreshEvent> {
  const { replica } = attempt
  const { protocol, world, kind } = replica.cluster
  const row = yield* execute(replica, places.view, (at, server) => protocol.statements.view(at, server, looksAtOwner))
  protocol.forget(attempt)
  attempt.row = row
  const { expiresAtMs, refreshToken } = row.credentials
  return {
    type: 'viewed',
    view: {
      policy: protocol.policyOf(kind.policy),
      isActive: row.status === 'active',
      version: row.version,
      remainingMs: expiresAtMs === undefined ? undefined : expiresAtMs - (world.nowMs + replica.skewMs),
      hasRefreshToken: refreshToken !== undefined,
      attempt: row.attempt,
      isLeased: row.isLeased,
      ownerGoneMs: row.ownerGoneMs,
      backoffMs: row.backoffMs,
    },
  }
}

function* waitWithJitter({ replica }: Attempt, ms: number): Routine<RefreshEvent> {
  const { world } = replica.cluster
  const elapsedMs = Math.round(ms * (0.5 + world.random.fraction()))
  yield* world.sleep(elapsedMs)
  return { type: 'waited', elapsedMs }
}

function* acquireLease(attempt: Attempt, takesOver: boolean): Routine<RefreshEvent> {
  const { replica } = attempt
  const row = viewed(attempt)
  const { protocol, world, journal } = replica.cluster
  attempt.askedAtMs = world.nowMs
  const owner = ownerOf(replica)
  const wish = { version: row.version, owner, isLive: believesLockHeld(replica), takesOver, leaseMs: protocol.leaseMs }
  const record = yield* execute(replica, places.acquire, (at, server) => {
    const lease = protocol.statements.acquire(at, server, wish)
    if (lease === undefined) return undefined
    const record = newRecord(attempt, at, server, lease, owner)
    if (ownerOf(replica) === owner) replica.attempt = record
    return { lease, record }
  })
  if (record === undefined) return { type: 'refused' }
  attempt.lease = record.lease
  attempt.record = record.record
  journal.attempts.push(record.record)
  world.note?.(`${replica.process.name} holds fence ${record.lease.fence} after ${record.lease.previous}`)
  return { type: 'granted', lease: record.lease }
}

function newRecord(attempt: Attempt, row: Row, server: Server, lease: Lease, owner: string): AttemptRecord {
  const { replica, demand } = attempt
  const { expiresAtMs } = row.credentials
  const isWanted =
    demand.kind === 'newer_than'
      ? row.version <= demand.version
      : expiresAtMs !== undefined && expiresAtMs - (server.nowMs + replica.skewMs) <= demand.minTtlMs
  return {
    process: owner,
    fence: lease.fence,
    version: row.version,
    previous: lease.previous,
    hasCause: isWanted || lease.previous === 'captured',
    leaseEndsAtMs: row.leaseUntilMs ?? server.nowMs,
    state: 'leased',
    answerDueMs: Infinity,
    declinedAtMs: Infinity,
    storedAtMs: undefined,
    fencedAtMs: undefined,
    hiddenBy: undefined,
    lostSession: server.isLockFree(owner),
    storageErrors: 0,
    adoption: 'none',
  }
}

function* judgeAnswer(attempt: Attempt): Routine<RefreshEvent> {
  if ((yield* pass(attempt.replica, places.judge)) === 'keys_unavailable') throw new KeysUnavailable()
  const { credentials, version } = viewed(attempt)
  attempt.stored ??= { credentials, version } // a predecessor stored it and died before judging
  return { type: 'judged', fault: isHeaderSafe(attempt.stored.credentials.accessToken) ? undefined : 'token_unusable' }
}

function* settleLease(attempt: Attempt, effect: RefreshEffect & { do: 'settle' }): Routine<RefreshEvent> {
  const { replica } = attempt
  const { protocol, journal, world } = replica.cluster
  const record = recordOf(attempt)
  const { reason } = effect
  const outcome = yield* execute(replica, places.settle, (row, server) => {
    const done = protocol.statements.settle(row, server, record.fence, effect)
    if (done === 'fenced') return done
    if (record.adoption === 'unsettled') record.adoption = 'settled'
    if (reason === undefined) journal.judged.push({ atMs: world.nowMs, version: row.version })
    else journal.settlements.push({ attempt: record, reason, hadOrphan: hasValidOrphan(attempt, row) })
    return done
  })
  record.state = 'ended'
  world.note?.(`${replica.process.name} settles ${reason ?? 'well'}: ${outcome}`)
  return { type: outcome }
}

const hasValidOrphan = ({ replica: { cluster }, record }: Attempt, row: Row): boolean =>
  cluster.grant.endedBy === undefined &&
  row.orphans.some(
    ({ fence, isAdopted, filedAtMs, credentials }) =>
      !isAdopted &&
      fence > row.credentialsFence &&
      filedAtMs < (record?.declinedAtMs ?? 0) &&
      cluster.grant.current.has(credentials.refreshToken ?? ''),
  )

function* releaseLease(attempt: Attempt, effect: RefreshEffect & { do: 'release' }): Routine<RefreshEvent> {
  const { protocol, world } = attempt.replica.cluster
  const record = recordOf(attempt)
  record.state = 'ended'
  world.note?.(`${attempt.replica.process.name} releases ${effect.attempt}`)
  yield* execute(attempt.replica, places.release, (row, server) =>
    protocol.statements.release(row, server, record.fence, effect),
  )
  return { type: 'released' }
}
