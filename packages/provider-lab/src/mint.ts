import type { Family } from './grants.js'
import { accessTokenHash, serialize, type JsonObject } from './jose.js'
import type { ProviderState } from './state.js'
import type { GrantType, RefreshTokenPlan } from './switches/points.js'

export type MintRequest = {
  grant: GrantType
  family: Family
  scope: string[]
  nonce: string | undefined
  form: Record<string, string>
  /** Binds the access token to this key. */
  dpopThumbprint?: string | undefined
}

const idTokenLifetimeSeconds = 3600

/** Mints what a successful token request hands out and rotates as `plan` says. Returns the RFC 6749 section 5.1 body. */
export function mintTokens(state: ProviderState, request: MintRequest, plan: RefreshTokenPlan): JsonObject {
  const { family, scope, dpopThumbprint } = request
  if (plan === 'new') state.grants.rotate(family)
  const lifetimeSeconds = state.settings.accessTokenSeconds
  const accessToken = state.grants.mintAccessToken(family, scope, lifetimeSeconds, dpopThumbprint).value
  const idToken = mintIdToken(state, request, accessToken)
  return {
    access_token: accessToken,
    token_type: dpopThumbprint === undefined ? 'Bearer' : 'DPoP',
    expires_in: lifetimeSeconds,
    ...(plan !== 'omitted' && { refresh_token: family.currentRefreshToken }),
    scope: scope.join(state.settings.scopeSeparator),
    ...(idToken !== undefined && { id_token: idToken }),
    ...state.settings.tokenAnswerExtras,
  }
}

function mintIdToken(state: ProviderState, request: MintRequest, accessToken: string): string | undefined {
  const { family, scope, nonce, grant, form } = request
  if (!state.settings.oidc || !scope.includes('openid')) return undefined
  const circumstances = { grant, form, family }
  const key = state.switches.run('signing.keys', state.keys, circumstances).current()
  const nowSeconds = Math.floor(state.clock.now() / 1000)
  const draft = state.switches.run(
    'id_token',
    {
      header: { alg: key.alg, kid: key.kid, typ: 'JWT' },
      claims: {
        iss: state.endpoints.issuer,
        sub: family.subject,
        aud: family.clientId,
        exp: nowSeconds + idTokenLifetimeSeconds,
        iat: nowSeconds,
        auth_time: family.authTimeSeconds,
        at_hash: accessTokenHash(accessToken, key.alg),
        ...(nonce !== undefined && { nonce }),
      },
      signer: key.sign,
    },
    circumstances,
  )
  return draft && serialize(draft)
}
