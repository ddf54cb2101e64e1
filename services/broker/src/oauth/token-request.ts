import { authenticationTarget, type AuthenticationTarget } from '../domain/authentication-target.js'
import type { DpopKey } from '../domain/dpop-key.js'
import type { ClientSecrets, OAuthProvider } from '../domain/provider.js'
import type { TokenEndpoint } from '../flows/ports/oauth.js'

/** One request to a token endpoint, before client authentication is added. */
export type TokenRequest = {
  grantType: 'authorization_code' | 'refresh_token'
  clientId: string
  secrets: ClientSecrets
  url: string
  target: AuthenticationTarget
  parameters: Readonly<Record<string, string>>
  /** Binds what is granted to this key; undefined = bearer tokens. */
  dpopKey: DpopKey | undefined
  mayStillSend: () => boolean
}

type ExchangeInput = Parameters<TokenEndpoint['exchange']>[2]
type RefreshInput = Parameters<TokenEndpoint['refresh']>[2]

/** RFC 6749 section 4.1.3. Everything comes from the snapshot the consent began with, nothing from the callback's URL. */
export function exchangeRequest(provider: OAuthProvider, secrets: ClientSecrets, input: ExchangeInput): TokenRequest {
  const { snapshot, code, codeVerifier, scopes, dpopKey } = input
  return {
    grantType: 'authorization_code',
    clientId: snapshot.clientId,
    secrets,
    url: snapshot.endpoints.token,
    target: authenticationTarget(snapshot.endpoints),
    parameters: {
      ...provider.parameters.token,
      ...(provider.scopes.onExchange ? scopeParameter(provider, scopes) : {}),
      ...(codeVerifier === undefined ? {} : { code_verifier: codeVerifier }),
      code,
      redirect_uri: snapshot.redirectUri,
    },
    dpopKey,
    mayStillSend: () => true,
  }
}

/** RFC 6749 section 6, plus what some providers want repeated (GitLab: `redirect_uri`). */
export function refreshRequest(provider: OAuthProvider, secrets: ClientSecrets, input: RefreshInput): TokenRequest {
  return {
    grantType: 'refresh_token',
    clientId: provider.clientId,
    secrets,
    url: input.endpoints.refresh,
    target: authenticationTarget(input.endpoints),
    parameters: {
      ...provider.parameters.refresh,
      ...(provider.scopes.onRefresh ? scopeParameter(provider, input.scopes) : {}),
      ...(provider.redirectUriOnRefresh ? { redirect_uri: input.redirectUri } : {}),
      refresh_token: input.refreshToken,
    },
    dpopKey: input.dpopKey,
    mayStillSend: input.mayStillSend,
  }
}

const scopeParameter = ({ scopes: { parameter, separator } }: OAuthProvider, scopes: readonly string[]) =>
  scopes.length === 0 ? {} : { [parameter]: scopes.join(separator) }
