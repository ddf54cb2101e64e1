/** An answer of the token endpoint that carries no tokens (RFC 6749 section 5.2, and what providers make of it). */
export type TokenRefusal = {
  httpStatus: number
  /** The OAuth error code, at most 64 characters of [a-z0-9_.-]; undefined when there is none we can read. */
  error: string | undefined
  /** From `Retry-After`, seconds or date, capped at fifteen minutes. */
  retryAfterSeconds: number | undefined
}

/** What came of one call of the token endpoint. */
export type TokenCall<Answer> =
  | { kind: 'answer'; answer: Answer }
  | { kind: 'refusal'; refusal: TokenRefusal }
  /** Nothing of the request left this machine: it can be repeated at will. */
  | { kind: 'unsent'; why: string; retryAfterMs?: number }
  /** The request may have been processed and the answer is unknown. */
  | { kind: 'in_doubt'; why: string }

/**
 * dead_grant     the provider no longer knows the grant: only a person can mend it
 * our_client     the provider refuses our client or our request: an operator mends it; no connection changes state
 * throttled      try later
 * transient      the provider is unwell; whether it processed the request is unknown
 */
export type RefusalClass = 'dead_grant' | 'our_client' | 'throttled' | 'transient'

const ourClientErrors = new Set([
  'invalid_client',
  'unauthorized_client',
  'invalid_request',
  'unsupported_grant_type',
  'invalid_scope',
])
const throttleErrors = new Set([
  'slow_down',
  'rate_limited',
  'ratelimited',
  'too_many_requests',
  'temporarily_unavailable',
])

/**
 * Classifies by the OAuth error code first, by the HTTP status only when there is none: a 401 is our own configuration and a
 * 429 a queue, and neither may end a person's connection. Atlassian says `invalid_grant` with 403, Slack with 200.
 */
export function classifyRefusal(refusal: TokenRefusal, deadGrantErrors: readonly string[]): RefusalClass {
  const { error, httpStatus } = refusal
  if (error !== undefined && deadGrantErrors.includes(error)) return 'dead_grant'
  if (httpStatus === 429 || (error !== undefined && throttleErrors.has(error))) return 'throttled'
  if (httpStatus >= 500 || httpStatus === 408) return 'transient'
  if (error === 'invalid_grant') return 'dead_grant'
  if (error !== undefined && ourClientErrors.has(error)) return 'our_client'
  if (httpStatus >= 200 && httpStatus < 300) return 'transient'
  return 'our_client'
}
