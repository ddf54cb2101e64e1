import type { FlowSnapshot } from '../../domain/authorization-request.js'
import type { ConnectionKey } from '../../domain/connection.js'
import type { ConsentOf } from './connections.js'

// What a disconnect requires of whoever keeps the revocations that are still to be made.

/** What there is to revoke. `attempt` counts from 1; `waitMs` > 0 = a refresh may still be under way for that long. */
export type Revocation = {
  key: ConnectionKey
  providerId: string
  version: number
  attempt: number
  waitMs: number
  sealedCredentials: Buffer | undefined
  /** Answers of refreshes that came back too late: they hold newer tokens of the same grant. */
  orphans: readonly { fence: number; sealed: Buffer }[]
  variables: Readonly<Record<string, string>>
  grantedToClientId: string | undefined
  grantedAtOrigin: string | undefined
  revocationUrl: string | undefined
}

export type RevocationOutcome = 'revoked' | 'unsupported' | 'not_needed' | 'revocation_failed'

export type RevocationStore = {
  /**
   * Any status → `revoking` in one statement: fence raised, open consents closed. From then on nothing is served and no
   * refresh or consent brings it back. Repeating it changes nothing. undefined for unknown and for foreign ids alike.
   */
  begin(key: ConnectionKey): Promise<{ wasDisconnected: boolean; providerId: string; previous: string } | undefined>
  /** Takes one that is due (of `key`, or any) for `holdMs`; nobody else gets it meanwhile. */
  claim(key: ConnectionKey | undefined, holdMs: number): Promise<Revocation | undefined>
  /** Gives it back, due again after `delayMs`; one that was only `waiting` does not count as a try. */
  postpone(key: ConnectionKey, delayMs: number, outcome: 'failed' | 'waiting'): Promise<void>
  /** revoking → revoked: ciphertext, orphans and captured consents are gone. False when an orphan came since the claim. */
  finish(revocation: Pick<Revocation, 'key' | 'orphans'>, outcome: RevocationOutcome): Promise<boolean>
}

/** What a consent brought and was not taken. `attempt` counts from 1; `isConnected` = its connection holds another grant. */
export type RejectedGrant = {
  request: ConsentOf
  providerId: string
  attempt: number
  sealedCaptured: Buffer | undefined
  snapshot: FlowSnapshot | undefined
  isConnected: boolean
}

export type RejectedGrantStore = {
  /**
   * Takes one that is due (of `request`, or any) for `holdMs`; nobody else gets it meanwhile. A grant whose process died
   * before it was judged is due ten minutes after its capture, and can no longer be activated once it is taken.
   */
  claim(request: ConsentOf | undefined, holdMs: number): Promise<RejectedGrant | undefined>
  /** Gives it back, due again after `delayMs`. */
  postpone(request: ConsentOf, delayMs: number): Promise<void>
  /** Shreds it. */
  finish(request: ConsentOf): Promise<void>
}
