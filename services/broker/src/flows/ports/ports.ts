import type { Announce, AuditStore, Report } from './audit.js'
import type { ClientStore, IdempotencyStore } from './clients.js'
import type { CompletionStore } from './completions.js'
import type { AuthorizationRequestStore, ConnectionStore } from './connections.js'
import type {
  AuthorizationUrls,
  CredentialCheck,
  DpopSigner,
  IdTokenVerifier,
  MetadataSource,
  RevocationEndpoint,
  TokenEndpoint,
  UserinfoEndpoint,
} from './oauth.js'
import type { ProviderStore } from './providers.js'
import type { LeaseStore, ScheduleStore, Usage } from './refresh.js'
import type { RejectedGrantStore, RevocationStore } from './revocation.js'
import type { Vault } from './vault.js'

// Owns what the flows require of the world outside, all of it joined. Each interface of this folder is a requirement; its
// comments bind every adapter. Adapters throw ServiceError('database_unavailable') when their database cannot be reached.

export type Ports = {
  /** The wall clock; moved by tests. Leases and consent expiry use the database's clock instead. */
  now(): Date
  sleep(ms: number): Promise<void>
  providers: ProviderStore
  connections: ConnectionStore
  authorizationRequests: AuthorizationRequestStore
  completions: CompletionStore
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
  userinfo: UserinfoEndpoint
  dpop: DpopSigner
  credentialCheck: CredentialCheck
  revocations: RevocationStore
  rejectedGrants: RejectedGrantStore
  revocationEndpoint: RevocationEndpoint
  report: Report
  announce: Announce
}
