// Owns the vocabulary of what happened: each event becomes an audit row, a counter and a log line in reporting.ts.

/** Who and whence, for every event that has a request behind it. */
export type Actor = {
  tenantId: string | undefined
  clientId: string | undefined
  keyId: string | undefined
  requestId: string
  ipAddress: string | undefined
  userAgent: string | undefined
}

export type EventType =
  | 'connection.created'
  | 'connection.updated'
  | 'connection.reconnect_requested'
  | 'connection.reconnected'
  | 'connection.grant_refused'
  | 'connection.grant_held'
  | 'connection.completed'
  | 'connection.completion_refused'
  | 'connection.disconnected'
  | 'connection.revoked'
  | 'connection.grant_revoked'
  | 'oauth_flow_completed'
  | 'oauth_error'
  | 'state_verification_failed'
  | 'consent_refused'
  | 'authorization_push_failed'
  | 'token_exchange_failed'
  | 'id_token_verification_failed'
  | 'userinfo_verification_failed'
  | 'token_storage_failed'
  | 'invalid_return_url'
  | 'credentials.captured'
  | 'credentials.rejected'
  | 'token_retrieved'
  | 'token_retrieval_failed'
  | 'connection_not_found'
  | 'dpop_proof_issued'
  | 'token_refreshed'
  | 'token_refresh_failed'
  | 'token_refresh_fatal'
  | 'token_orphaned'
  | 'provider_incident'
  | 'provider.breaker_opened'
  | 'provider.breaker_closed'
  | 'provider.created'
  | 'provider.updated'
  | 'provider.deleted'
  | 'provider_not_found'
  | 'tenant.updated'
  | 'client.created'
  | 'key.created'
  | 'key.revoked'
  | 'access_refused'
  | 'integrity_error'
  | 'encryption_key.rotated'
  | 'restore.doubted'
  | 'egress_refused'

export type BrokerEvent = {
  type: EventType
  actor: Actor
  connectionId?: string | undefined
  /** Small public facts. Values come from closed vocabularies, ids and numbers: never from a provider or a caller's text. */
  data?: Readonly<Record<string, string | number | boolean | readonly string[]>>
}

export type AuditEntry = {
  tenantId: string | undefined
  connectionId: string | undefined
  eventType: EventType
  eventData: Readonly<Record<string, unknown>>
  clientId: string | undefined
  keyId: string | undefined
  requestId: string | undefined
  ipAddress: string | undefined
  userAgent: string | undefined
}

export const toAuditEntry = (event: BrokerEvent): AuditEntry => ({
  tenantId: event.actor.tenantId,
  connectionId: event.connectionId,
  eventType: event.type,
  eventData: event.data ?? {},
  clientId: event.actor.clientId,
  keyId: event.actor.keyId,
  requestId: event.actor.requestId,
  ipAddress: event.actor.ipAddress,
  userAgent: event.actor.userAgent,
})
