import type { ConnectionReason } from '../../src/domain/connection.js'
import type { AttemptState, Demand } from '../../src/domain/refresh-protocol.js'
import type { Fault } from './faults.js'

// Owns what a run leaves behind for its judges (invariants.ts). Nothing of it is known to the simulated broker.

/** One lease that was granted, and what became of it. */
export type AttemptRecord = {
  readonly process: string
  readonly fence: number
  /** The version it set out to replace. */
  readonly version: number
  readonly previous: AttemptState
  /** False when no caller needed anything newer than that version. */
  readonly hasCause: boolean
  readonly leaseEndsAtMs: number
  /** outstanding: its answer may be on the way, or in memory and nowhere else. */
  state: 'leased' | 'outstanding' | 'ended'
  /** After this moment the process gives the answer up. */
  answerDueMs: number
  declinedAtMs: number
  /** When the answer was durable, in the row or among the orphans. */
  storedAtMs: number | undefined
  /** When its process was told that the fence had moved on, with the answer in its hands. */
  fencedAtMs: number | undefined
  /** The fault that kept an answer from being stored in time: without one, there is no excuse. */
  hiddenBy: Fault | undefined
  /** Its liveness lock was free for a while: others may have taken it for dead. */
  lostSession: boolean
  storageErrors: number
  /** Whether it stored an orphan, and whether it lived to settle it. */
  adoption: 'none' | 'unsettled' | 'settled'
}

export type Presentation = {
  attempt: AttemptRecord
  refreshToken: string
  atMs: number
  /** accepted: it was valid · forgiven: spent, within its grace · reuse: spent · dead: the grant had ended. */
  verdict: 'accepted' | 'forgiven' | 'reuse' | 'dead'
  /** Who spent it before. */
  spentBy: AttemptRecord | undefined
}

export type Call = {
  readonly process: string
  readonly life: number
  readonly demand: Demand['kind']
  readonly askedAtMs: number
  /** The newest version that had been judged good when the caller asked, save for what was still on the way to others. */
  readonly floorVersion: number
  answer: { kind: 'served'; accessToken: string; version: number } | { kind: 'refused'; reason: string } | undefined
}

export type Settlement = {
  attempt: AttemptRecord
  reason: ConnectionReason
  /** A valid refresh token lay among the orphans before the provider said that the grant is dead. */
  hadOrphan: boolean
}

export type Journal = {
  readonly attempts: AttemptRecord[]
  readonly presentations: Presentation[]
  readonly calls: Call[]
  readonly settlements: Settlement[]
  /** Flights that answered with less than they had last seen. */
  readonly outdated: string[]
  /** The access token that was stored as each version. */
  readonly stored: Map<number, string>
  /** The version under which the last consent was swapped in: what came before it is of another grant. */
  consentVersion: number
  /** When each version was judged good, oldest first. */
  readonly judged: { atMs: number; version: number }[]
}

export const newJournal = (): Journal => ({
  attempts: [],
  presentations: [],
  calls: [],
  settlements: [],
  outdated: [],
  stored: new Map([[1, 'a1']]),
  consentVersion: 1,
  judged: [{ atMs: 0, version: 1 }],
})
