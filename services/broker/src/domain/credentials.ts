import type { DpopKey } from './dpop-key.js'
import type { TokenAnswer } from './token-answer.js'

/** Credentials of an OAuth 2.0 grant. */
export type OAuthCredentials = {
  type: 'oauth2'
  accessToken: string
  tokenType: string
  refreshToken: string | undefined
  idToken: string | undefined
  scope: string | undefined
  /** Milliseconds since the epoch; undefined when the provider promises no lifetime. */
  expiresAtMs: number | undefined
  /** When the refresh token ends, where the provider tells; milliseconds since the epoch. */
  refreshExpiresAtMs?: number | undefined
  /** What the tokens are bound to; absent = bearer tokens. Never given to anybody. */
  dpopKey?: DpopKey
  /** Other members of the token answer, kept for agents that know the provider (`instance_url`, `realmId`). */
  extra: Record<string, unknown>
}

/** What a person typed into the form of an API-key-like provider. */
export type StaticCredentials = { type: 'static'; values: Record<string, unknown> }

export type Credentials = OAuthCredentials | StaticCredentials

/**
 * Joins a token answer with the credentials held so far.
 * RFC 6749 section 6: the answer may omit `refresh_token` and `scope`; the ones we hold stay valid. An id_token is only
 * repeated at the provider's pleasure (OIDC Core 12.2), so the one we hold stays too.
 */
export function mergeAnswer(
  held: OAuthCredentials | undefined,
  answer: TokenAnswer,
  receivedAtMs: number,
  defaultExpiresInSeconds: number | undefined,
): OAuthCredentials {
  const expiresInSeconds = answer.expiresInSeconds ?? defaultExpiresInSeconds
  return {
    type: 'oauth2',
    accessToken: answer.accessToken ?? held?.accessToken ?? '',
    tokenType: answer.tokenType ?? held?.tokenType ?? 'Bearer',
    refreshToken: answer.refreshToken ?? held?.refreshToken,
    idToken: answer.idToken ?? held?.idToken,
    scope: answer.scope ?? held?.scope,
    expiresAtMs: expiresInSeconds === undefined ? undefined : receivedAtMs + expiresInSeconds * 1000,
    refreshExpiresAtMs: refreshExpiry(answer, receivedAtMs) ?? held?.refreshExpiresAtMs,
    ...(held?.dpopKey && { dpopKey: held.dpopKey }),
    extra: { ...held?.extra, ...answer.extra },
  }
}

// No RFC has a member for it; these are the names in use. 0 is "never" (Keycloak's offline tokens).
function refreshExpiry({ extra }: TokenAnswer, receivedAtMs: number): number | undefined {
  const given = extra.refresh_token_expires_in ?? extra.refresh_expires_in ?? extra.x_refresh_token_expires_in
  const seconds = typeof given === 'string' ? Number(given) : given
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds < 1e10)) return undefined
  return receivedAtMs + Math.floor(seconds) * 1000
}

/** Milliseconds before its end at which an access token counts as expired: clocks differ and requests take time. */
export const expirySkewMs = 30_000

/** True when a token read must refresh first. A short-lived token keeps at least nine tenths of its life. */
export function needsRefresh(expiresAtMs: number | undefined, nowMs: number, minTtlMs = expirySkewMs): boolean {
  return expiresAtMs !== undefined && expiresAtMs - nowMs <= minTtlMs
}

/**
 * True for a token that anybody may use although it was asked to be bound to a key (RFC 9449 section 5): it is not served.
 * `token_type` is compared without regard to case.
 */
export const isDowngraded = ({ dpopKey, tokenType }: Pick<OAuthCredentials, 'dpopKey' | 'tokenType'>): boolean =>
  dpopKey !== undefined && tokenType.toLowerCase() !== 'dpop'

// RFC 9110 section 5.5: visible ASCII, space and tab; anything else could split or smuggle a header.
const headerSafe = /^[\x21-\x7e]{1,16384}$/

/** False when the token cannot stand in an `Authorization` header; it is then kept but never served. */
export const isHeaderSafe = (token: string): boolean => headerSafe.test(token)
