import type { AuthorizationRequest, FlowSecrets } from '../../domain/authorization-request.js'
import type { ConnectionDetails, ListedStatus } from '../../domain/connection-details.js'
import type {
  Account,
  ConnectionKey,
  ConnectionReason,
  ConnectionStatus,
  ConnectionView,
} from '../../domain/connection.js'
import type { BrokerEvent } from '../../domain/events.js'
import type { SchedulePolicy } from '../../domain/provider.js'
import type { AttemptState } from '../../domain/refresh-protocol.js'
import type { CapturedCredentials, LeaseRow } from './refresh.js'

// What the flows require of whoever keeps connections and their consents.

export type NewConnection = {
  key: ConnectionKey
  workspaceId: string
  providerId: string
  createdBy: string
  requestedScopes: readonly string[]
}

export type NewAuthorizationRequest = Omit<AuthorizationRequest, 'browserDigest' | 'isClaimed' | 'isExpired'> & {
  secrets: FlowSecrets | undefined
  lifetimeMs: number
  /** It is not stored while the tenant has this many consents that nobody has answered yet. */
  openAtMost: number
}

/**
 * What became of a new consent. `completion_required`: the tenant asks for a challenge. `too_many`: the tenant's limit.
 * `closed`: the connection does not exist, or is being revoked.
 */
export type Admission =
  | { kind: 'stored' }
  | { kind: 'completion_required' }
  | { kind: 'too_many'; retryAfterSeconds: number }
  | { kind: 'closed' }

/** What the hot read sees: one indexed SELECT, nothing more. */
export type CredentialsRow = ConnectionView & {
  providerId: string
  providerName: string
  isProviderDeleted: boolean
  strategy: { type: string; config?: Record<string, unknown> }
  version: number
  attempt: AttemptState
  sealedCredentials: Buffer | undefined
  /** The same row as a refresh sees it, when the access token ends within two minutes or has ended. */
  leaseRow: LeaseRow | undefined
}

export type ConnectionStore = {
  /** Connection, authorization request and audit row of `event` in one transaction: all or nothing. */
  create(connection: NewConnection, request: NewAuthorizationRequest, event: BrokerEvent): Promise<Admission>
  /** Status only; never touches ciphertext. undefined for unknown and for foreign ids alike. */
  view(key: ConnectionKey): Promise<ConnectionView | undefined>
  readCredentials(key: ConnectionKey): Promise<CredentialsRow | undefined>
  /** undefined for unknown ids and for connections that were disconnected since the request was made. */
  activationTarget(request: ConsentOf): Promise<ActivationTarget | undefined>
  /**
   * Puts a judged grant into its connection in one statement: status `active`, version and fence one higher, lease free,
   * attempt `idle`, so that a refresh of the former grant that is under way finds its fence lost. False when version or fence
   * moved since `activationTarget`, the connection was disconnected, or the consent is held and this is not its code (in time,
   * once). The audit rows of `events` are written with it. A lost acknowledgement is safe to repeat from there.
   */
  activate(
    request: ConsentOf,
    target: ActivationTarget,
    result: Activation,
    events: readonly BrokerEvent[],
  ): Promise<boolean>
  /**
   * pending → failed; any other status stays. False when it was not pending. A grant the request captured is due to be
   * revoked (`RejectedGrantStore`); captured static credentials are removed.
   */
  fail(request: ConsentOf, reason: ConnectionReason): Promise<boolean>
  /** Another live connection of the same account at the same provider, of whatever tenant. */
  isAccountConnected(providerId: string, account: { issuer: string; subject: string }): Promise<boolean>
  /** Never a token. undefined for unknown and for foreign ids alike. */
  details(key: ConnectionKey): Promise<ConnectionDetails | undefined>
  /** Newest first, keyset pages. Throws `invalid_cursor` when `after` is no connection of the tenant. */
  list(query: ConnectionQuery): Promise<ConnectionDetails[]>
}

/**
 * Names a consent: its authorization request and the connection it is for; `connectCodeDigest` (SHA-256) opens one that is
 * held for its completion.
 */
export type ConsentOf = { id: string; key: ConnectionKey; connectCodeDigest?: Buffer }

export type ActivationTarget = {
  version: number
  fence: number
  status: ConnectionStatus
  isRefreshing: boolean
  account: { issuer: string; subject: string } | undefined
  grantedToClientId: string | undefined
  grantedAtOrigin: string | undefined
  sealedCredentials: Buffer | undefined
  /** Its own policy; undefined = the provider's. */
  schedule: SchedulePolicy | undefined
  lastUsedAtMs: number | undefined
}

export type ConnectionQuery = {
  tenantId: string
  userId: string | undefined
  provider: { id: string } | { name: string } | undefined
  status: ListedStatus | undefined
  /** Id of the last connection seen. */
  after: string | undefined
  limit: number
}

/** `sealed` is bound to the target's version plus one. */
export type Activation = CapturedCredentials & {
  requestedScopes: readonly string[]
  account: Account | undefined
  variables: Readonly<Record<string, string>>
  grantedToClientId: string | undefined
  grantedAtOrigin: string | undefined
  revocationUrl: string | undefined
}

/** `providerRevision`: of the provider's own row at the same moment (`ProviderStore.findRevision`). */
export type Claim =
  | { kind: 'claimed'; secrets: FlowSecrets | undefined; providerRevision: string }
  | { kind: 'used' }
  | { kind: 'expired' }

export type AuthorizationRequestStore = {
  /** A further consent of a connection. */
  add(request: NewAuthorizationRequest): Promise<Admission>
  /**
   * Keeps what a consent brought until it was judged; `activate` removes it, `fail` leaves it to be revoked. Uses the reserved commit lane and
   * retries while the database is away. Safe to repeat.
   */
  capture(request: ConsentOf, sealed: Buffer): Promise<void>
  find(tenantId: string, id: string): Promise<AuthorizationRequest | undefined>
  /** By id alone, for links a browser opens; ids have 160 random bits. */
  findByLink(id: string): Promise<AuthorizationRequest | undefined>
  /** The sealed secrets of an unclaimed request. */
  secrets(tenantId: string, id: string): Promise<FlowSecrets | undefined>
  /** Ties the request to the browser that came last; false when it is claimed or expired. */
  bindBrowser(request: AuthorizationRequest, browserDigest: string): Promise<boolean>
  /** Stores variables, snapshot and secrets that a form supplied; false when claimed, expired or already complete. */
  complete(
    request: AuthorizationRequest,
    supplied: {
      variables: Readonly<Record<string, string>>
      snapshot: AuthorizationRequest['snapshot']
      secrets: FlowSecrets
    },
  ): Promise<boolean>
  /**
   * The single claim, one atomic statement before any token request: unclaimed and unexpired by the database's clock → claimed,
   * secrets removed from the row and returned. `used` and `expired` tell a refusal apart.
   */
  claim(request: AuthorizationRequest): Promise<Claim>
}
