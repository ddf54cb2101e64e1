import type { ErrorReason } from '@dromos/contract'
import type { ConnectionReason } from './connection.js'
import type { RefreshPolicy } from './provider.js'
import type { RefusalClass } from './token-refusal.js'

// Owns the words of a refresh: what may be demanded, what can happen, what can be done, and the times that bound it.
// Does not own their order: that is refresh-machine.ts.

/** What the caller needs before it is content. */
export type Demand = { kind: 'fresh'; minTtlMs: number } | { kind: 'newer_than'; version: number }

/** The row as a reader sees it. */
export type RefreshView = {
  /** Of the provider as it is at the time of this look. */
  policy: RefreshPolicy
  isActive: boolean
  version: number
  /** undefined = the provider promised no lifetime. */
  remainingMs: number | undefined
  hasRefreshToken: boolean
  attempt: AttemptState
  /** By the database's clock. */
  isLeased: boolean
  /** Milliseconds for which the leaseholder's liveness lock has been free on repeated looks; undefined = it lives or is unknown. */
  ownerGoneMs: number | undefined
  /** Milliseconds until the next attempt is allowed after a failed one; 0 = now. */
  backoffMs: number
}

/** idle: nothing outstanding · sent: a call may be under way · in_doubt: outcome unknown · captured: stored, not judged. */
export type AttemptState = 'idle' | 'sent' | 'in_doubt' | 'captured'

export type Lease = { fence: number; previous: AttemptState; failCount: number }

export type RefreshEvent =
  | { type: 'started' }
  /** May be the first event: whoever wants a refresh has often just read the row. */
  | { type: 'viewed'; view: RefreshView }
  | { type: 'waited'; elapsedMs: number }
  | { type: 'granted'; lease: Lease }
  | { type: 'refused' }
  /** An answer under an earlier fence that nobody stored. */
  | { type: 'orphan_found'; fence: number }
  | { type: 'no_orphan' }
  /** `isSound`: the answer alone tells that it may be served; nothing of it is left to be verified. */
  | { type: 'answered'; isSound: boolean }
  | { type: 'declined'; refusal: RefusalClass; retryAfterMs: number | undefined }
  /** With `retryAfterMs` we held the call back ourselves: that is no failure of the connection. */
  | { type: 'not_sent'; retryAfterMs?: number }
  | { type: 'doubtful' }
  | { type: 'stored' }
  | { type: 'fenced' }
  | { type: 'judged'; fault: ConnectionReason | undefined }
  | { type: 'settled' }
  | { type: 'released' }
  | { type: 'filed' }

export type RefreshEffect =
  /** Read the row; with `looksAtOwner`, also look whether the leaseholder still lives. */
  | { do: 'view'; looksAtOwner: boolean }
  | { do: 'wait'; ms: number }
  | { do: 'acquire'; takesOver: boolean }
  | { do: 'seek_orphan' }
  | { do: 'call' }
  | { do: 'capture' }
  /** Store the answer and end the attempt, in one step. */
  | { do: 'complete'; attempt: 'idle' | 'in_doubt'; backoffMs: number }
  | { do: 'adopt_orphan' }
  | { do: 'file_orphan' }
  | { do: 'judge' }
  | { do: 'settle'; reason: ConnectionReason | undefined; attempt: 'idle' | 'in_doubt'; backoffMs: number }
  | { do: 'release'; attempt: 'idle' | 'in_doubt'; backoffMs: number; countsAsFailure: boolean }
  | { do: 'nothing' }

export type RefreshResult =
  { kind: 'fresh' } | { kind: 'not_active' } | { kind: 'failed'; reason: ErrorReason; retryAfterMs: number | undefined }

/** Until the row was looked at, which tells the provider's own. */
export const safestPolicy: RefreshPolicy = {
  mode: 'unknown',
  graceMs: 0,
  killsAccessToken: true,
  idleLimitSeconds: undefined,
  absoluteLimitSeconds: undefined,
}

/** Milliseconds. The deadline of the call is strictly shorter than the lease; patience is longer than the lease. */
export const refreshTimes = {
  leaseMs: 15_000,
  callDeadlineMs: 10_000,
  /** Two looks at a dead owner must be this far apart, so that a live one that lost its session has time to return. */
  ownerGoneMs: 1_500,
  /** How long one caller waits for another replica's refresh. */
  patienceMs: 20_000,
  /** A waiter looks again after a quarter of what it has waited so far, within these. Hardly any provider answers sooner. */
  shortestWaitMs: 30,
  longestWaitMs: 80,
  /** A waiter of so long also looks whether the leaseholder still lives: that look is its own, others are shared. */
  ownerLookAfterMs: 250,
  /** Wait before a doubtful call is repeated at a strict provider: the first request has surely ended by then. */
  settleMs: 2_000,
  firstBackoffMs: 1_000,
  longestBackoffMs: 300_000,
} as const
