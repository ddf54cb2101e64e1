// Owns the closed table of error reasons: the only place that knows HTTP and gRPC codes.
// Does not own rendering on an edge (runtime for HTTP, the gateway's grpc/ folder for gRPC).

/** gRPC status names used by the table (google.rpc.Code). */
export type GrpcStatusName =
  | 'CANCELLED'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'UNAUTHENTICATED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'

type Row = { http: number; grpc: GrpcStatusName; title: string }

const row = (http: number, grpc: GrpcStatusName, title: string): Row => ({ http, grpc, title })

/** Every reason a caller can meet. A new reason is one row here and one row in docs/errors.md (a test insists). */
export const errorReasons = {
  // the request itself
  invalid_json: row(400, 'INVALID_ARGUMENT', 'The body is not valid JSON'),
  missing_fields: row(400, 'INVALID_ARGUMENT', 'Required fields are missing'),
  invalid_request: row(400, 'INVALID_ARGUMENT', 'A field of the request is not valid'),
  invalid_connection_id: row(400, 'INVALID_ARGUMENT', 'Not a connection id'),
  invalid_provider_id: row(400, 'INVALID_ARGUMENT', 'Not a provider id'),
  invalid_provider_name: row(400, 'INVALID_ARGUMENT', 'Not a provider name'),
  invalid_provider: row(400, 'INVALID_ARGUMENT', 'The provider profile is not valid'),
  missing_profile: row(400, 'INVALID_ARGUMENT', 'The body has no provider profile'),
  invalid_since: row(400, 'INVALID_ARGUMENT', 'Not an RFC 3339 time'),
  invalid_cursor: row(400, 'INVALID_ARGUMENT', 'Not a cursor of this listing'),
  scope_not_allowed: row(400, 'INVALID_ARGUMENT', 'The provider does not allow a requested scope'),
  return_url_not_allowed: row(400, 'INVALID_ARGUMENT', 'The return URL is not on the allowlist'),
  unsupported_auth_type: row(400, 'INVALID_ARGUMENT', 'The provider has another authentication type'),
  invalid_credentials: row(400, 'INVALID_ARGUMENT', 'The submitted credentials are not valid'),
  static_token: row(400, 'FAILED_PRECONDITION', 'Static credentials cannot be refreshed'),
  token_not_bound: row(400, 'FAILED_PRECONDITION', 'The token is not bound to a key'),
  no_refresh_token: row(400, 'FAILED_PRECONDITION', 'The provider issued no refresh token'),
  payload_too_large: row(413, 'RESOURCE_EXHAUSTED', 'The body is too large'),
  unsupported_media_type: row(415, 'INVALID_ARGUMENT', 'The body has an encoding we do not read'),
  method_not_allowed: row(405, 'UNIMPLEMENTED', 'The resource does not offer this method'),
  route_not_found: row(404, 'UNIMPLEMENTED', 'No such route'),
  idempotency_conflict: row(409, 'ABORTED', 'The idempotency key was used with another request'),
  rate_limited: row(429, 'RESOURCE_EXHAUSTED', 'Too many requests'),

  // who is asking
  missing_api_key: row(401, 'UNAUTHENTICATED', 'No API key was presented'),
  invalid_api_key: row(403, 'UNAUTHENTICATED', 'The API key is not valid'),
  access_denied: row(403, 'PERMISSION_DENIED', 'The caller may not do this'),

  // providers
  provider_not_found: row(404, 'NOT_FOUND', 'No such provider'),
  provider_ambiguous: row(409, 'FAILED_PRECONDITION', 'Several providers match the name'),
  provider_exists: row(409, 'ALREADY_EXISTS', 'A provider of that name exists'),
  provider_conflict: row(409, 'ABORTED', 'The provider was changed by somebody else'),
  schema_not_found: row(404, 'NOT_FOUND', 'The provider has no credential schema'),

  // clients
  client_not_found: row(404, 'NOT_FOUND', 'No such client'),
  key_not_found: row(404, 'NOT_FOUND', 'No such key'),
  too_many_keys: row(409, 'FAILED_PRECONDITION', 'The client has two live keys'),

  // consent
  invalid_state: row(400, 'INVALID_ARGUMENT', 'The state is not valid'),
  missing_params: row(400, 'INVALID_ARGUMENT', 'The authorization response lacks a parameter'),
  wrong_browser: row(403, 'PERMISSION_DENIED', 'Another browser started this consent'),
  consent_already_used: row(409, 'FAILED_PRECONDITION', 'This consent was already completed'),
  consent_expired: row(410, 'FAILED_PRECONDITION', 'This consent has expired'),
  issuer_mismatch: row(400, 'INVALID_ARGUMENT', 'The answer comes from another issuer'),
  oauth_error: row(400, 'FAILED_PRECONDITION', 'The provider refused the authorization request'),
  invalid_id_token: row(401, 'FAILED_PRECONDITION', 'The id_token did not verify'),
  token_exchange_failed: row(502, 'UNAVAILABLE', 'The provider did not exchange the code'),
  invalid_connect_code: row(403, 'PERMISSION_DENIED', 'The connect code is not valid'),
  wrong_verifier: row(403, 'PERMISSION_DENIED', 'The verifier does not fit the challenge'),
  wrong_user: row(403, 'PERMISSION_DENIED', 'Another user came back than the one that was asked'),
  too_many_consents: row(429, 'RESOURCE_EXHAUSTED', 'The tenant has too many open consents'),
  invalid_csrf_token: row(403, 'PERMISSION_DENIED', 'The form was not opened by this browser'),

  // connections and tokens
  connection_not_found: row(404, 'NOT_FOUND', 'No such connection'),
  connection_not_active: row(403, 'FAILED_PRECONDITION', 'The connection is not active'),
  token_not_found: row(404, 'NOT_FOUND', 'The connection holds no credentials'),
  attention_required: row(409, 'FAILED_PRECONDITION', 'A person has to connect again'),
  disconnect_in_progress: row(409, 'FAILED_PRECONDITION', 'The connection is being revoked'),
  provider_unavailable: row(503, 'UNAVAILABLE', 'The provider cannot be reached'),
  provider_misconfigured: row(502, 'FAILED_PRECONDITION', 'The provider refuses our client'),
  provider_bad_response: row(502, 'UNAVAILABLE', 'The provider gave an answer we cannot use'),
  provider_rate_limited: row(503, 'UNAVAILABLE', 'The provider asks us to slow down'),
  refresh_in_progress: row(503, 'UNAVAILABLE', 'Another replica is refreshing this connection'),

  // ourselves
  integrity_error: row(500, 'DATA_LOSS', 'Stored ciphertext did not open'),
  database_unavailable: row(503, 'UNAVAILABLE', 'The database cannot be reached'),
  shutting_down: row(503, 'UNAVAILABLE', 'The service is shutting down'),
  broker_unavailable: row(502, 'UNAVAILABLE', 'The broker cannot be reached'),
  broker_invalid_response: row(502, 'INTERNAL', 'The broker gave an answer we cannot use'),
  broker_error: row(502, 'INTERNAL', 'The broker failed'),
  deadline_exceeded: row(504, 'DEADLINE_EXCEEDED', 'The request took too long'),
  request_cancelled: row(499, 'CANCELLED', 'The caller went away'),
  internal_error: row(500, 'INTERNAL', 'Something went wrong on our side'),
} as const satisfies Record<string, Row>

export type ErrorReason = keyof typeof errorReasons

/** True when `value` is a reason of the table; used when an error body comes back over HTTP. */
export const isErrorReason = (value: unknown): value is ErrorReason =>
  typeof value === 'string' && Object.hasOwn(errorReasons, value)

/** Extra members of an error body: small, public facts such as `provider_name` or `retry_after_seconds`. Never a secret. */
export type ErrorExtras = Readonly<Record<string, string | number | boolean | null>>

/**
 * The one error of this code base. `message` is shown to the caller: it says what to do and never holds a secret or a
 * provider's body. `cause` is for our own logs only.
 */
export class ServiceError extends Error {
  readonly reason: ErrorReason
  readonly extras: ErrorExtras
  /** Seconds after which a retry may succeed; becomes the `Retry-After` header (RFC 9110 section 10.2.3). */
  readonly retryAfterSeconds: number | undefined

  constructor(
    reason: ErrorReason,
    message: string,
    options: { cause?: unknown; extras?: ErrorExtras; retryAfterSeconds?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ServiceError'
    this.reason = reason
    this.extras = options.extras ?? {}
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}
