import type { AuthorizationRequest, ConsentBinding, FlowSnapshot } from '../domain/authorization-request.js'

/** SQL of `RequestColumns` over an `authorization_requests` row named `r`. */
export const requestColumns = `r.tenant_id, r.id, r.connection_id, r.workspace_id, r.provider_id, r.purpose, r.intent,
  r.allows_account_change, r.binding, r.scopes, r.return_url, r.completion_challenge,
  r.variables, r.snapshot, r.browser_digest, r.claimed_at is not null as is_claimed, r.expires_at <= now() as is_expired`

export type RequestColumns = {
  tenant_id: string
  id: string
  connection_id: string
  workspace_id: string
  provider_id: string
  purpose: AuthorizationRequest['purpose']
  intent: AuthorizationRequest['intent']
  allows_account_change: boolean
  binding: ConsentBinding
  scopes: string[]
  return_url: string
  completion_challenge: string | null
  variables: Record<string, string> | null
  snapshot: FlowSnapshot | null
  browser_digest: string | null
  is_claimed: boolean
  is_expired: boolean
}

export const toRequest = (row: RequestColumns): AuthorizationRequest => ({
  id: row.id,
  key: { tenantId: row.tenant_id, connectionId: row.connection_id },
  workspaceId: row.workspace_id,
  providerId: row.provider_id,
  purpose: row.purpose,
  intent: row.intent,
  allowsAccountChange: row.allows_account_change,
  binding: row.binding,
  scopes: row.scopes,
  returnUrl: row.return_url,
  completionChallenge: row.completion_challenge ?? undefined,
  variables: row.variables ?? undefined,
  snapshot: row.snapshot ?? undefined,
  browserDigest: row.browser_digest ?? undefined,
  isClaimed: row.is_claimed,
  isExpired: row.is_expired,
})
