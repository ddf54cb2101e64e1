import type { AuthorizationRequest, FlowSecrets } from '../domain/authorization-request.js'
import type {
  Account,
  ConnectionKey,
  ConnectionReason,
  ConnectionStatus,
  ConnectionView,
} from '../domain/connection.js'
import type { ConnectionDetails, ListedStatus } from '../domain/connection-details.js'
import type { Credentials, OAuthCredentials } from '../domain/credentials.js'
import type { AuditEntry, BrokerEvent } from '../domain/events.js'
import type { Rotation } from '../domain/key-rotation.js'
import type {
  ClientSecrets,
  Endpoints,
  OAuthProvider,
  Provider,
  ProviderIdentity,
  StaticProvider,
} from '../domain/provider.js'
import type { ProviderProfile } from '../domain/provider-profile.js'
import type { AttemptState, Lease } from '../domain/refresh-protocol.js'
import type { SchedulePolicy } from '../domain/provider.js'
import type { TokenAnswer } from '../domain/token-answer.js'
import type { TokenCall } from '../domain/token-refusal.js'
import type { Caller, Role } from '../domain/caller.js'

// Owns what the flows require of the world outside. Each interface is a requirement; the comment is binding for every
// adapter. Adapters throw ServiceError('database_unavailable') when their database cannot be reached.

export type Ports = {
  /** The wall clock; moved by tests. Leases and consent expiry use the database's clock instead. */
  now(): Date
  sleep(ms: number): Promise<void>
  providers: ProviderStore
  connections: ConnectionStore
  authorizationRequests: AuthorizationRequestStore
  leases: LeaseStore
  schedule: ScheduleStore
  usage: Usage
  clients: ClientStore
  idempotency: IdempotencyStore
  audit: AuditStore
  vault: Vault
  metadata: MetadataSource
  authorization: AuthorizationUrls
  tokenEndpoint: TokenEndpoint
  idTokens: IdTokenVerifier
  credentialCheck: CredentialCheck
  revocations: RevocationStore
  revocationEndpoint: RevocationEndpoint
  report: Report
}

/** Audit row, counter and log line of one event. Resolves when the row is durable, where the event demands that. */
export type Report = (event: BrokerEvent) => Promise<void>

export type StoredProvider = { identity: ProviderIdentity; profile: ProviderProfile; createdAt: Date; updatedAt: Date }

/** What PUT or PATCH makes of the held secrets: keep them, replace them, or remove them. */
export type SecretsChange = { kind: 'keep' } | { kind: 'replace'; secrets: ClientSecrets } | { kind: 'remove' }

export type ProviderStore = {
  /** Deleted ones included: their connections must be told. undefined = unknown id. */
  find(id: string): Promise<{ provider: Provider; secrets: ClientSecrets } | undefined>
  /** Case-insensitive; never a deleted one. */
  findByName(name: string): Promise<StoredProvider[]>
  findStored(id: string): Promise<(StoredProvider & { hasSecret: boolean }) | undefined>
  /** Newest first, keyset pages; `after` is the id of the last one seen. */
  list(page: { limit: number; after: string | undefined }): Promise<StoredProvider[]>
  /** Secrets are sealed in the same statement. Throws `provider_exists`. Answers the new id. */
  create(profile: ProviderProfile, secrets: ClientSecrets | undefined): Promise<string>
  /** Replaces profile and secrets if `version` is still current, else throws `provider_conflict`; `provider_exists` on a taken name. */
  replace(id: string, version: number, profile: ProviderProfile, secrets: SecretsChange): Promise<void>
  /** Soft. Answers false for an unknown or deleted id. */
  remove(id: string): Promise<boolean>
}

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
}

/** What the hot read sees: one indexed SELECT, nothing more. */
export type CredentialsRow = ConnectionView & {
  providerId: string
  providerName: string
  isProviderDeleted: boolean
  strategy: { type: string; config?: Record<string, unknown> }
  version: number
  attempt: AttemptState
  sealedCredentials: Buffer | undefined
}

export type ConnectionStore = {
  /** Connection and authorization request in one transaction: both or neither. */
  create(connection: NewConnection, request: NewAuthorizationRequest): Promise<void>
  /** Status only; never touches ciphertext. undefined for unknown and for foreign ids alike. */
  view(key: ConnectionKey): Promise<ConnectionView | undefined>
  readCredentials(key: ConnectionKey): Promise<CredentialsRow | undefined>
  /** undefined for unknown ids and for connections that were disconnected since the request was made. */
  activationTarget(request: ConsentOf): Promise<ActivationTarget | undefined>
  /**
   * Puts a judged grant into its connection in one statement: status `active`, version and fence one higher, lease free,
   * attempt `idle`, so that a refresh of the former grant that is under way finds its fence lost. False when version or fence
   * moved since `activationTarget`, or the connection was disconnected. A lost acknowledgement is safe to repeat from there.
   */
  activate(request: ConsentOf, target: ActivationTarget, result: Activation): Promise<boolean>
  /** pending → failed; any other status stays. What the request captured is removed. False when it was not pending. */
  fail(request: ConsentOf, reason: ConnectionReason): Promise<boolean>
  /** Another live connection of the same account at the same provider, of whatever tenant. */
  isAccountConnected(providerId: string, account: { issuer: string; subject: string }): Promise<boolean>
  /** Never a token. undefined for unknown and for foreign ids alike. */
  details(key: ConnectionKey): Promise<ConnectionDetails | undefined>
  /** Newest first, keyset pages. Throws `invalid_cursor` when `after` is no connection of the tenant. */
  list(query: ConnectionQuery): Promise<ConnectionDetails[]>
}

/** Names a consent: its authorization request and the connection it is for. */
export type ConsentOf = { id: string; key: ConnectionKey }

export type ActivationTarget = {
  version: number
  fence: number
  status: ConnectionStatus
  isRefreshing: boolean
  account: { issuer: string; subject: string } | undefined
  grantedToClientId: string | undefined
  grantedAtOrigin: string | undefined
  sealedCredentials: Buffer | undefined
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

export type CapturedCredentials = {
  sealed: Buffer
  expiresAtMs: number | undefined
  refreshExpiresAtMs?: number | undefined
  /** When the scheduler refreshes it next; absent = the scheduler decides later. */
  nextRefreshAt?: Date | 'never'
  grantedScope: string | undefined
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

export type AuthorizationRequestStore = {
  /** A further consent of a connection; false when that does not exist or is being revoked. */
  add(request: NewAuthorizationRequest): Promise<boolean>
  /**
   * Keeps what a consent brought until it was judged; `activate` and `fail` remove it. Uses the reserved commit lane and
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
  claim(
    request: AuthorizationRequest,
  ): Promise<{ kind: 'claimed'; secrets: FlowSecrets | undefined } | { kind: 'used' } | { kind: 'expired' }>
}

/** The row as the refresh flow needs it; a superset of what the machine sees. */
export type LeaseRow = ConnectionView & {
  providerId: string
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
  /**
   * Ends the attempt: lease free, failure count 0, no further lease for `backoffMs`, and with a reason status `attention`.
   * The attempt is left `in_doubt` when what was stored may have been outlived by a later call.
   */
  settle(
    key: ConnectionKey,
    fence: number,
    how: { reason: ConnectionReason | undefined; attempt: 'idle' | 'in_doubt'; backoffMs: number },
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

/** What became of one call. `retryAfterMs` is what the provider asked for. */
export type RevocationAnswer =
  | { kind: 'revoked' }
  | { kind: 'refused'; httpStatus: number }
  | { kind: 'unavailable'; retryAfterMs: number | undefined }

export type RevocationEndpoint = {
  /** Revokes one token in the provider's style (RFC 7009 by default), through the egress guard, once. Never throws. */
  revoke(
    provider: OAuthProvider,
    secrets: ClientSecrets,
    request: { url: string; audience: string; token: string; hint: 'refresh_token' | 'access_token' },
  ): Promise<RevocationAnswer>
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
  /** Sets when rows as they were read are due, undefined = never; skips one that was refreshed or used meanwhile. */
  plan(plans: readonly { row: ScheduledConnection; at: Date | undefined }[]): Promise<void>
  /** Writes when connections were last used; those that were not in use before become unplanned. */
  noteUses(uses: readonly { key: ConnectionKey; at: Date }[]): Promise<void>
}

export type Usage = {
  /** Notes that a connection was used. Never waits, never fails. */
  note(key: ConnectionKey): void
}

export type KeyRecord = Caller & { secretDigest: Buffer; expiresAt: Date | undefined; isRevoked: boolean }

export type NewClient = { tenantId: string; name: string; roles: readonly Role[]; mayReadRefreshTokens: boolean }

export type ClientStore = {
  /** May answer from memory for a few seconds; unknown ids cost the same as known ones. */
  findKey(keyId: string): Promise<KeyRecord | undefined>
  /** Creates the tenant when it is new. Answers the existing client when the name is taken by one with the same roles. */
  ensureClient(client: NewClient): Promise<{ clientId: string; isNew: boolean }>
  /** Throws `too_many_keys` when two are live, `client_not_found`. */
  addKey(
    tenantId: string,
    clientId: string,
    key: { keyId: string; secretDigest: Buffer; expiresAt: Date | undefined },
  ): Promise<void>
  listKeys(tenantId: string | undefined): Promise<ListedKey[]>
  /** Throws `key_not_found`. */
  revokeKey(keyId: string): Promise<void>
}

export type ListedKey = {
  tenantId: string
  clientId: string
  clientName: string
  roles: readonly Role[]
  keyId: string
  createdAt: Date
  expiresAt: Date | undefined
  revokedAt: Date | undefined
}

export type IdempotencyStore = {
  /**
   * Runs `work` at most once per (tenant, client, key) within 24 hours; a second caller waits for the first and gets its
   * answer. Another request digest under the same key throws `idempotency_conflict`. A failed `work` leaves no trace.
   */
  once(
    scope: { tenantId: string; clientId: string; key: string; requestDigest: Buffer },
    work: () => Promise<string>,
  ): Promise<{ answer: string; isReplay: boolean }>
}

export type AuditStore = {
  /** Batched; resolves when the entry is durable. */
  append(entry: AuditEntry): Promise<void>
  /** Newest first. */
  list(query: AuditQuery): Promise<AuditRow[]>
}

export type AuditQuery = {
  tenantId: string
  eventType: string | undefined
  connectionId: string | undefined
  clientId: string | undefined
  since: Date | undefined
  until: Date | undefined
  /** Id of the last row seen. */
  before: string | undefined
  limit: number
}

export type AuditRow = AuditEntry & { id: string; createdAt: Date }

/** What a ciphertext is bound to: it opens in no other row, field or version (AAD). */
export type SealContext = {
  tenantId: string
  recordId: string
  field: 'credentials' | 'captured' | 'orphan' | 'flow_secrets' | 'client_secrets' | 'idempotent_answer' | 'canary'
  version: number
}

export type Vault = {
  seal(plaintext: string, context: SealContext): Buffer
  /** Throws `integrity_error`, the same for every kind of wrong. */
  open(envelope: Buffer, context: SealContext): string
  /** Keyed digest of a refresh token, for telling two apart without keeping them. */
  fingerprint(secret: string): Buffer
}

/** One sealed constant per encryption key in use, so that a start with a wrong key is noticed. */
export type CanaryStore = {
  list(): Promise<{ keyId: string; envelope: Buffer }[]>
  /** Keeps the first one when two processes start at once. */
  add(keyId: string, envelope: Buffer): Promise<void>
  remove(keyId: string): Promise<void>
}

/** A stored ciphertext: where it is and what it is bound to. */
export type SealedRow = { key: readonly string[]; sealed: Buffer; context: SealContext }

export type ResealStore = {
  /** Names of everything that is stored sealed, in the order of a walk. */
  sources: readonly string[]
  /** The next rows after `after` in the order of their keys; of those, `rows` were sealed by another key than `keyId`. */
  window(
    source: string,
    after: readonly string[] | undefined,
    limit: number,
    keyId: string,
  ): Promise<{ rows: SealedRow[]; lookedAt: number; last: readonly string[] | undefined }>
  /** Compare-and-set on the ciphertext; waits for nobody. Answers how many were changed. */
  replace(source: string, changes: readonly { key: readonly string[]; from: Buffer; to: Buffer }[]): Promise<number>
  /** Begins a rotation, or begins a finished one again. */
  request(keyId: string): Promise<void>
  latest(): Promise<Rotation | undefined>
  adjust(keyId: string, change: { isPaused?: boolean | undefined; rowsPerSecond?: number | undefined }): Promise<void>
  /** Takes the rotation for this process for ten seconds from each `save`; undefined when there is none to work on. */
  take(keyId: string): Promise<Rotation | undefined>
  /** False when another process has taken over. */
  save(rotation: Rotation): Promise<boolean>
  finish(rotation: Rotation): Promise<boolean>
}

export type MetadataSource = {
  /**
   * The provider's endpoints: what is configured, completed by discovery where the profile asks for it. Discovery never
   * guesses an issuer and never replaces a configured value. Throws `provider_unavailable`, `issuer_mismatch`,
   * `provider_misconfigured` (an endpoint is nowhere to be found).
   */
  endpoints(provider: OAuthProvider, variables: Readonly<Record<string, string>>): Promise<Endpoints>
}

export type AuthorizationUrls = {
  /** The authorization request (RFC 6749 section 4.1.1, RFC 7636). Reserved parameters are set last. */
  build(
    provider: OAuthProvider,
    request: {
      snapshot: NonNullable<AuthorizationRequest['snapshot']>
      scopes: readonly string[]
      state: string
      secrets: FlowSecrets
    },
  ): Promise<string>
}

/** The parsed answer and, separately, when it came. */
export type Grant = { answer: TokenAnswer; receivedAtMs: number }

export type TokenEndpoint = {
  /** Exchanges a code once. Client secrets are tried in order while the provider says `invalid_client`. */
  exchange(
    provider: OAuthProvider,
    secrets: ClientSecrets,
    request: {
      snapshot: NonNullable<AuthorizationRequest['snapshot']>
      code: string
      codeVerifier: string | undefined
      scopes: readonly string[]
    },
  ): Promise<TokenCall<Grant>>
  /**
   * Presents a refresh token once. `mayStillSend` is asked when the socket is connected and right before the body is written;
   * a false answer drops the attempt unsent (a frozen holder must not present a stale token).
   */
  refresh(
    provider: OAuthProvider,
    secrets: ClientSecrets,
    request: {
      endpoints: Endpoints
      redirectUri: string
      refreshToken: string
      scopes: readonly string[]
      mayStillSend: () => boolean
    },
  ): Promise<TokenCall<Grant>>
}

/**
 * login     a fresh consent: every check
 * refresh   OIDC Core 12.2: no nonce, no limit on the age of `iat`
 * recovery  an answer stored by a process that died before judging it: it may have expired since, so times and at_hash are
 *           not looked at
 */
export type IdTokenOccasion = 'login' | 'refresh' | 'recovery'

export type IdTokenVerifier = {
  /**
   * OIDC Core 3.1.3.7 and 12.2: signature, issuer (exact, or the profile's template), audience and azp, times, nonce as the
   * profile says. Throws `invalid_id_token`; never a claim's value in the message.
   */
  verify(
    provider: OAuthProvider,
    idToken: string,
    expected: {
      endpoints: Endpoints
      clientId: string
      nonce: string | undefined
      accessToken: string | undefined
      occasion: IdTokenOccasion
    },
  ): Promise<Account>
}

export type CredentialCheck = {
  /** One GET of the provider's verification URL with the strategy applied: 401 and 403 reject, network trouble throws `provider_unavailable`. */
  accepts(provider: StaticProvider, values: Readonly<Record<string, unknown>>): Promise<boolean>
}

export type OpenedCredentials = { credentials: Credentials; version: number }
export type OpenedGrant = { credentials: OAuthCredentials; version: number }
