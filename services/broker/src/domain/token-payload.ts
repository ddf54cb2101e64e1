import type { TokenPayload } from '@dromos/contract'
import type { Credentials, OAuthCredentials } from './credentials.js'

export type PayloadContext = {
  providerName: string
  strategy: { type: string; config?: Record<string, unknown> }
  version: number
  nowMs: number
  mayReadRefreshTokens: boolean
}

/** The token answer of the v1 contract: OAuth members at the root too, `strategy` and `credentials` for every type. */
export function toTokenPayload(credentials: Credentials, context: PayloadContext): TokenPayload {
  const { strategy, version: token_version, providerName: provider } = context
  if (credentials.type === 'static') return { provider, strategy, credentials: credentials.values, token_version }
  const members = oauthMembers(credentials, context)
  // The copy stands last: an object that begins as one costs a hidden class for each further member (docs/performance.md).
  return { provider, strategy, credentials: { ...credentials.extra, ...members }, token_version, ...members }
}

function oauthMembers(credentials: OAuthCredentials, context: PayloadContext) {
  const { expiresAtMs, scope, idToken, refreshToken } = credentials
  return {
    access_token: credentials.accessToken,
    token_type: credentials.tokenType,
    ...(expiresAtMs === undefined ? {} : expiryMembers(expiresAtMs, context.nowMs)),
    ...(scope === undefined ? {} : { scope }),
    ...(idToken === undefined ? {} : { id_token: idToken }),
    // Refresh tokens stay in the broker unless the client's policy says otherwise.
    ...(refreshToken === undefined || !context.mayReadRefreshTokens ? {} : { refresh_token: refreshToken }),
  }
}

const expiryMembers = (expiresAtMs: number, nowMs: number) => ({
  expires_in: Math.max(Math.floor((expiresAtMs - nowMs) / 1000), 0),
  expires_at: new Date(expiresAtMs).toISOString().replace(/\.\d{3}Z$/, 'Z'),
  expired: expiresAtMs <= nowMs,
})
