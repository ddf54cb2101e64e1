import type { ErrorReason } from '@dromos/contract'
import type { ConnectionReason } from './connection.js'
import type { RefreshPolicy } from './provider.js'
import {
  type AttemptState,
  type Demand,
  type Lease,
  type RefreshEffect,
  type RefreshEvent,
  type RefreshResult,
  refreshTimes,
  type RefreshView,
  safestPolicy,
} from './refresh-protocol.js'
import type { RefusalClass } from './token-refusal.js'

// Owns the order of one refresh as a pure function: step(state, event) → the next state and the one effect to perform.
// Does not own time, sockets or rows: flows/refresh-effects.ts performs the effects and tells what happened.
//
// The rules it keeps: the lease with its fence is committed before the provider is called; an answer is captured before anybody
// is asked about it; a dead grant is believed only after a second look; a doubtful call is repeated with the same refresh token.

type At =
  | { at: 'start' | 'viewing' | 'waiting' | 'yielding' | 'filing' }
  | { at: 'acquiring'; seen: AttemptState; from: Origin }
  | ({ at: 'holding'; doing: Doing } & Holding)
  | { at: 'settling'; reason: ConnectionReason | undefined; settles: 'answer' | 'recovery' }
  | { at: 'releasing'; result: RefreshResult }
  | { at: 'ended'; result: RefreshResult }

/** `recovering`: judging what an earlier attempt had stored or filed, however long ago. */
type Doing = 'seeking' | 'adopting' | 'recovering' | 'calling' | 'storing' | 'judging' | 'completing' | 'confirming'

/** How the lease came free: it was, or it was taken over from an owner that seemed dead. */
type Origin = 'nobody' | 'dead_owner'

/** `leaves`: in_doubt when an adopted answer may have been outlived by a call that somebody made after it. */
type Holding = { lease: Lease; from: Origin; leaves: 'idle' | 'in_doubt' }

export type RefreshState = At & { demand: Demand; policy: RefreshPolicy; waitedMs: number }

type Step = [RefreshState, RefreshEffect]

export const startRefresh = (demand: Demand): RefreshState => ({
  at: 'start',
  demand,
  policy: safestPolicy,
  waitedMs: 0,
})

/** The next state and the effect to perform. Throws only on an event that cannot follow: a defect of the performer. */
export function step(state: RefreshState, event: RefreshEvent): Step {
  switch (state.at) {
    case 'start':
    case 'viewing':
      if (event.type === 'started') return look(state)
      if (event.type === 'viewed') return decide({ ...state, policy: event.view.policy }, event.view)
      break
    case 'waiting':
      if (event.type === 'waited') return look({ ...state, waitedMs: state.waitedMs + event.elapsedMs })
      break
    case 'acquiring':
      if (event.type === 'granted') return begin(state, event.lease)
      if (event.type === 'refused') return look(state)
      break
    case 'holding':
      return hold(state, event)
    case 'settling':
      if (event.type === 'settled') {
        if (state.reason !== undefined) return end(state, { kind: 'not_active' })
        // What was recovered may be of no use by now: its token may have ended long ago.
        return state.settles === 'recovery' ? look(state) : end(state, { kind: 'fresh' })
      }
      if (event.type === 'fenced') return look(state)
      break
    case 'releasing':
      return end(state, state.result)
    case 'yielding':
    case 'filing':
      if (event.type === 'released' || event.type === 'filed') return look(state)
      break
    case 'ended':
      break
  }
  throw new Error(`refresh machine: ${event.type} cannot follow ${state.at}`)
}

function decide(state: RefreshState, view: RefreshView): Step {
  if (!view.isActive) return end(state, { kind: 'not_active' })
  const isJudged = view.attempt !== 'captured'
  if (isJudged && isContent(state.demand, view)) return end(state, { kind: 'fresh' })
  if (isJudged && !view.hasRefreshToken) return fail(state, 'no_refresh_token')
  if (view.isLeased) return waitOrTakeOver(state, view)
  if (view.backoffMs > 0) return fail(state, 'provider_unavailable', view.backoffMs)
  return acquire(state, view, 'nobody')
}

const isContent = (demand: Demand, view: RefreshView): boolean =>
  demand.kind === 'newer_than'
    ? view.version > demand.version
    : view.remainingMs === undefined || view.remainingMs > demand.minTtlMs

// Speed buys nothing at a strict provider: there, a lease ends by time only.
const allowsTakeover = (policy: RefreshPolicy): boolean => policy.mode === 'stable' || policy.graceMs > 0

function waitOrTakeOver(state: RefreshState, view: RefreshView): Step {
  const isOwnerGone = (view.ownerGoneMs ?? 0) >= refreshTimes.ownerGoneMs
  if (isOwnerGone && allowsTakeover(state.policy)) return acquire(state, view, 'dead_owner')
  if (state.waitedMs >= refreshTimes.patienceMs) return fail(state, 'refresh_in_progress', 1_000)
  const ms = Math.min(Math.max(state.waitedMs / 4, refreshTimes.shortestWaitMs), refreshTimes.longestWaitMs)
  return [
    { ...state, at: 'waiting' },
    { do: 'wait', ms },
  ]
}

const acquire = (state: RefreshState, view: RefreshView, from: Origin): Step => [
  { ...state, at: 'acquiring', seen: view.attempt, from },
  { do: 'acquire', takesOver: from === 'dead_owner' },
]

function begin(state: RefreshState & { at: 'acquiring' }, lease: Lease): Step {
  const holding = { ...state, at: 'holding', lease, leaves: 'idle', doing: 'calling' } as const
  if (lease.previous === 'captured') return [{ ...holding, doing: 'recovering' }, { do: 'judge' }] // stored by one who died
  // The lease was wanted to judge, and somebody has judged since: maybe nobody needs a newer token any more.
  if (state.seen === 'captured')
    return [
      { ...state, at: 'yielding' },
      { do: 'release', attempt: unsentState(lease), backoffMs: 0, countsAsFailure: false },
    ]
  if (lease.previous === 'idle') return [holding, { do: 'call' }]
  return [{ ...holding, doing: 'seeking' }, { do: 'seek_orphan' }] // the answer in doubt may wait among the orphans
}

function hold(state: RefreshState & { at: 'holding' }, event: RefreshEvent): Step {
  const { lease } = state
  switch (event.type) {
    case 'orphan_found': {
      // Whoever held a lease after the orphan's may have presented the token that it replaced: reuse, and the grant's end.
      const isLatest = state.doing === 'seeking' && event.fence === lease.fence - 1
      return [{ ...state, doing: 'adopting', leaves: isLatest ? 'idle' : 'in_doubt' }, { do: 'adopt_orphan' }]
    }
    case 'no_orphan':
      return state.doing === 'confirming' ? settleDead(state) : [{ ...state, doing: 'calling' }, { do: 'call' }]
    case 'answered':
      if (!event.isSound) return [{ ...state, doing: 'storing' }, { do: 'capture' }]
      return [
        { ...state, doing: 'completing' },
        { do: 'complete', ...ending(state) },
      ]
    case 'settled':
      return end(state, { kind: 'fresh' })
    case 'stored':
      return [{ ...state, doing: state.doing === 'adopting' ? 'recovering' : 'judging' }, { do: 'judge' }]
    case 'fenced': // somebody took over: what we received must still not be lost; an orphan is filed already
      return state.doing === 'adopting' ? look(state) : [{ ...state, at: 'filing' }, { do: 'file_orphan' }]
    case 'judged':
      return settle(state, event.fault)
    case 'not_sent':
      if (event.retryAfterMs !== undefined) return heldBack(state, event.retryAfterMs)
      return release(state, { attempt: unsentState(lease), backoffMs: backoff(lease) }, 'provider_unavailable')
    case 'doubtful':
      return release(state, { attempt: 'in_doubt', backoffMs: doubtBackoff(state.policy) }, 'provider_unavailable')
    case 'declined':
      return decline(state, event.refusal, event.retryAfterMs)
    default:
      throw new Error(`refresh machine: ${event.type} cannot follow ${state.doing}`)
  }
}

function decline(
  state: RefreshState & { at: 'holding' },
  refusal: RefusalClass,
  retryAfterMs: number | undefined,
): Step {
  const attempt = unsentState(state.lease)
  switch (refusal) {
    case 'dead_grant': // believed only when no answer of ours turns up in a second look
      return [{ ...state, doing: 'confirming' }, { do: 'seek_orphan' }]
    case 'our_client':
      return release(state, { attempt, backoffMs: backoff(state.lease) }, 'provider_misconfigured')
    case 'throttled':
      return release(state, { attempt, backoffMs: retryAfterMs ?? backoff(state.lease) }, 'provider_rate_limited')
    case 'transient':
      return release(state, { attempt: 'in_doubt', backoffMs: doubtBackoff(state.policy) }, 'provider_unavailable')
  }
}

// A call that was refused unprocessed changes nothing about an earlier call in doubt.
const unsentState = (lease: Lease): 'idle' | 'in_doubt' => (lease.previous === 'idle' ? 'idle' : 'in_doubt')

function settleDead(state: RefreshState & { at: 'holding' }): Step {
  return settle(state, state.lease.previous === 'idle' ? 'revoked' : 'lost_rotation')
}

const settle = (state: RefreshState & { at: 'holding' }, reason: ConnectionReason | undefined): Step => [
  { ...state, at: 'settling', reason, settles: state.doing === 'recovering' ? 'recovery' : 'answer' },
  { do: 'settle', reason, ...ending(state) },
]

const ending = (state: RefreshState & Holding) => ({ attempt: state.leaves, backoffMs: stragglerMs(state) })

/**
 * Milliseconds for which no further refresh may begin: an earlier call in doubt can still reach the provider. Within the
 * grace its token is forgiven as long as nobody has used the successor.
 */
function stragglerMs({ policy, lease, from }: RefreshState & Holding): number {
  if (policy.mode === 'stable' || policy.graceMs === 0) return 0
  if (from === 'dead_owner') return refreshTimes.leaseMs - refreshTimes.ownerGoneMs // the end of the lease taken over
  return lease.previous === 'in_doubt' ? refreshTimes.settleMs : 0
}

const heldBack = (state: RefreshState & Holding, retryAfterMs: number): Step => [
  { ...state, at: 'releasing', result: { kind: 'failed', reason: 'provider_unavailable', retryAfterMs } },
  { do: 'release', attempt: unsentState(state.lease), backoffMs: retryAfterMs, countsAsFailure: false },
]

const backoff = (lease: Lease): number =>
  Math.min(refreshTimes.firstBackoffMs * 2 ** lease.failCount, refreshTimes.longestBackoffMs)

const doubtBackoff = (policy: RefreshPolicy): number => (allowsTakeover(policy) ? 0 : refreshTimes.settleMs)

function release(
  state: RefreshState,
  row: { attempt: 'idle' | 'in_doubt'; backoffMs: number },
  reason: ErrorReason,
): Step {
  const result: RefreshResult = { kind: 'failed', reason, retryAfterMs: Math.max(row.backoffMs, 1_000) }
  return [
    { ...state, at: 'releasing', result },
    { do: 'release', ...row, countsAsFailure: true },
  ]
}

const look = (state: RefreshState): Step => [
  { ...state, at: 'viewing' },
  { do: 'view', looksAtOwner: state.waitedMs >= refreshTimes.ownerLookAfterMs && allowsTakeover(state.policy) },
]

const end = (state: RefreshState, result: RefreshResult): Step => [{ ...state, at: 'ended', result }, { do: 'nothing' }]

const fail = (state: RefreshState, reason: ErrorReason, retryAfterMs?: number): Step =>
  end(state, { kind: 'failed', reason, retryAfterMs })
