// Owns the JSON shapes of the v1 API as TypeScript types. Does not own validation: each edge parses its own input.

/** How an agent applies credentials to its own request (contract: strategies). */
export type Strategy = { type: string; config?: Record<string, unknown> }

/** `POST /v1/request-connection`, request body. */
export type RequestConnectionBody = {
  user_id: string
  provider_id?: string
  provider_name?: string
  scopes?: string[]
  return_url: string
  /** S256 of a verifier the application keeps: the connection waits for `POST /v1/connections/{id}/complete`. */
  completion_challenge?: string
  action?: string
  metadata?: unknown
}

/** `POST /v1/request-connection`, answer; the broker's `POST /auth/consent-spec` answers the same. */
export type ConsentSpec = {
  authUrl: string
  state: string
  scopes: string[] | null
  provider_id: string
  connection_id: string
}

export type ConnectionCheck = {
  status: 'pending' | 'active' | 'failed'
  /** Says which state stands behind `failed` or `pending` and what to do about it. */
  detail?: string
}

/** `GET /v1/connections/{id}` and the items of `GET /v1/connections`. Times are RFC 3339, UTC; never a token. */
export type ConnectionItem = {
  connection_id: string
  /** pending, expired, active, attention, failed, revoking or revoked. */
  status: string
  reason: string | null
  /** What to do next. */
  detail: string
  user_id: string
  provider: { id: string; name: string; auth_type: string }
  requested_scopes: string[]
  /** null = the provider did not say. */
  granted_scopes: string[] | null
  missing_scopes: string[]
  account: { issuer: string; subject: string; label: string | null } | null
  created_at: string
  granted_at: string | null
  /** End of the access token. */
  expires_at: string | null
  /** Forecast: when a person has to connect again unless the grant is used before. */
  refresh_expires_at: string | null
  last_refreshed_at: string | null
  last_error: string | null
  token_version: number
  /** When it is refreshed without being asked: on_demand, keep_alive or proactive; null = as its provider says. */
  refresh_schedule: string | null
  /** What became of a disconnect at the provider. */
  revocation: string | null
}

/** One page of `GET /v1/connections`. */
export type ConnectionPage = { data: ConnectionItem[]; next_cursor: string | null; has_more: boolean }

/** Token answer: root fields for OAuth 2.0 connections, `strategy` and `credentials` for every type. */
export type TokenPayload = {
  access_token?: string
  token_type?: string
  /** Seconds until expiry, an integer, never negative. */
  expires_in?: number
  /** RFC 3339, UTC. */
  expires_at?: string
  expired?: boolean
  scope?: string
  id_token?: string
  refresh_token?: string
  provider?: string
  strategy: Strategy
  credentials: Record<string, unknown>
  /** Grows by one with each stored token answer; a refresh can be made conditional on it. */
  token_version: number
}

/** `GET /v1/providers`: auth type → provider name → what an agent may know. */
export type ProviderMetadata = Record<string, Record<string, ProviderMetadataEntry>>

export type ProviderMetadataEntry = {
  id: string
  api_base_url: string
  user_info_endpoint: string
  scopes: string[] | null
  description: string
  category: string
}
