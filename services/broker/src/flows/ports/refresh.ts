import type { ConnectionKey, ConnectionReason, ConnectionView } from '../../domain/connection.js'
import type { Credentials, OAuthCredentials } from '../../domain/credentials.js'
import type { BrokerEvent } from '../../domain/events.js'
import type { SchedulePolicy } from '../../domain/provider.js'
import type { AttemptState, Lease } from '../../domain/refresh-protocol.js'

// What a refresh requires: the lease, the schedule, the sampling of uses.

/** The row as the refresh flow needs it; a superset of what the machine sees. */
export type LeaseRow = ConnectionView & {
  providerId: string
  /** Of the provider's own row at the same moment (`ProviderStore.findRevision`). */
  providerRevision: string
  version: number
  fence: number
  expiresAtMs: number | undefined
  sealedCredentials: Buffer | undefined
  attempt: AttemptState
  lastUsedAtMs: number | undefined
  schedule: SchedulePolicy | undefined
  isLeased: boolean
  ownerGoneMs: number | undefined
  backoffMs: number
  account: { issuer: string; subject: string } | undefined
  variables: Readonly<Record<string, string>>
  grantedToClientId: string | undefined
  grantedAtOrigin: string | undefined
}

export type CapturedCredentials = {
  sealed: Buffer
  expiresAtMs: number | undefined
  refreshExpiresAtMs?: number | undefined
  /** When it is refreshed next, by the connection's own policy as it was read; absent = the scheduler decides later. */
  nextRefresh?: { at: Date | 'never'; schedule: SchedulePolicy | undefined }
  grantedScope: string | undefined
}

export type LeaseStore = {
  /** Identifies this process; its liveness lock is held under this number while the session lives. */
  owner: bigint
  /** From the primary, never a standby. With `looksAtOwner` a dead leaseholder's first sighting is kept in the row. */
  view(key: ConnectionKey, looksAtOwner: boolean): Promise<LeaseRow | undefined>
  /**
   * Compare-and-set on (version, lease free or allowed takeover); raises the fence, records the attempt as `sent`, and is
   * committed when it resolves: the write-ahead intent. undefined = somebody else was first.
   */
  acquire(
    key: ConnectionKey,
    want: { version: number; leaseMs: number; takesOver: boolean; fingerprint: Buffer },
  ): Promise<Lease | undefined>
  /**
   * Stores an answer under the fence as version `version + 1`, attempt `captured`. Uses the reserved commit lane, retries
   * with capped backoff while the database is away, and an ambiguous commit is settled by reading the fence. Idempotent.
   */
  capture(
    key: ConnectionKey,
    held: { fence: number; version: number },
    captured: CapturedCredentials,
  ): Promise<'stored' | 'fenced'>
  /** `capture` and `settle` without a reason in one statement, for an answer of which nothing is left to be judged. As stubborn. */
  complete(
    key: ConnectionKey,
    held: { fence: number; version: number },
    captured: CapturedCredentials,
    how: { attempt: 'idle' | 'in_doubt'; backoffMs: number },
    event: BrokerEvent,
  ): Promise<'settled' | 'fenced'>
  /**
   * Ends the attempt: lease free, failure count 0, no further lease for `backoffMs`, and with a reason status `attention`.
   * The attempt is left `in_doubt` when what was stored may have been outlived by a later call. The audit row of `event` is
   * written with it.
   */
  settle(
    key: ConnectionKey,
    fence: number,
    how: { reason: ConnectionReason | undefined; attempt: 'idle' | 'in_doubt'; backoffMs: number },
    event: BrokerEvent,
  ): Promise<'settled' | 'fenced'>
  /** Gives the lease back after a call that brought nothing. A lost fence is no error. */
  release(
    key: ConnectionKey,
    fence: number,
    how: { attempt: 'idle' | 'in_doubt'; backoffMs: number; error: string; countsAsFailure: boolean },
  ): Promise<void>
  /** Keeps an answer whose fence had moved on. Same retry rule as `capture`. */
  fileOrphan(key: ConnectionKey, fence: number, captured: CapturedCredentials): Promise<void>
  /** The newest unadopted orphan with a fence above that of the stored credentials. */
  findOrphan(
    key: ConnectionKey,
    belowFence: number,
  ): Promise<{ fence: number; sealed: Buffer; expiresAtMs: number | undefined } | undefined>
  markAdopted(key: ConnectionKey, fence: number): Promise<void>
}

/** A connection as the scheduler sees it: no ciphertext, no lease. Times are milliseconds since the epoch. */
export type ScheduledConnection = {
  key: ConnectionKey
  providerId: string
  version: number
  expiresAtMs: number | undefined
  refreshedAtMs: number
  lastUsedAtMs: number | undefined
  /** The connection's own policy; undefined = the provider's. */
  schedule: SchedulePolicy | undefined
  /** A call was made and its outcome is unknown: it is repeated soon, whatever the schedule says. */
  isInDoubt: boolean
  /** Somebody has decided when it is due. */
  isPlanned: boolean
}

export type ScheduleStore = {
  /**
   * Takes at most `limit` active connections that are due at `now`, oldest first, and makes them due again at `heldUntil`, in
   * one statement: two claimers never get the same row, and rows of one that died come back by themselves.
   */
  claim(want: {
    now: Date
    heldUntil: Date
    limit: number
    busyProviders: readonly string[]
  }): Promise<ScheduledConnection[]>
  /** Active connections about which nobody decided yet. */
  unplanned(limit: number): Promise<ScheduledConnection[]>
  /**
   * Sets when rows as they were read are due, undefined = never; skips one that was meanwhile refreshed, used, given another
   * policy or, when it was unplanned, planned by somebody else.
   */
  plan(plans: readonly { row: ScheduledConnection; at: Date | undefined }[]): Promise<void>
  /** Writes when connections were last used; those that were not in use before become unplanned. */
  noteUses(uses: readonly { key: ConnectionKey; at: Date }[]): Promise<void>
  /**
   * Gives a connection, whatever its state, its own policy, undefined = the provider's; a changed one makes it unplanned in the
   * same statement, except for a call in doubt, which keeps its time. Answers the policy before; undefined for unknown and for
   * foreign ids alike.
   */
  choose(
    key: ConnectionKey,
    schedule: SchedulePolicy | undefined,
  ): Promise<{ was: SchedulePolicy | undefined } | undefined>
}

export type Usage = {
  /** Notes that a connection was used. Never waits, never fails. */
  note(key: ConnectionKey): void
}

export type OpenedCredentials = { credentials: Credentials; version: number }

export type OpenedGrant = { credentials: OAuthCredentials; version: number }
