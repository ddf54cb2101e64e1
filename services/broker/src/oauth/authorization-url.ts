import { buildAuthorizationUrl, calculatePKCECodeChallenge, None } from 'openid-client'
import type { OAuthProvider } from '../domain/provider.js'
import type { AuthorizationUrls } from '../flows/ports/oauth.js'
import { clientConfiguration } from './client.js'

type AuthorizationInput = Parameters<AuthorizationUrls['build']>[1]

// Owns the authorization request. Does not own its endpoints and secrets: the flow's snapshot and secrets bring them.
export const authorizationUrls: AuthorizationUrls = {
  async build(provider, request) {
    const parameters = { ...freeParameters(provider, request), ...(await reservedParameters(provider, request)) }
    const { endpoints, clientId } = request.snapshot
    const configuration = clientConfiguration(
      {
        issuer: endpoints.issuer ?? endpoints.authorization,
        authorization_endpoint: withoutParameters(endpoints.authorization, Object.keys(parameters)),
      },
      clientId,
      None(),
    )
    return buildAuthorizationUrl(configuration, parameters).href
  },
}

function freeParameters(provider: OAuthProvider, { scopes }: AuthorizationInput): Record<string, string> {
  const { onAuthorize, parameter, separator } = provider.scopes
  const hasScope = onAuthorize && scopes.length > 0
  return { ...provider.parameters.authorize, ...(hasScope ? { [parameter]: scopes.join(separator) } : {}) }
}

/** Set last: neither a profile's parameters nor a query in its URL can replace them (fault 21 of the Go original). */
async function reservedParameters(
  provider: OAuthProvider,
  { snapshot, scopes, state, secrets }: AuthorizationInput,
): Promise<Record<string, string>> {
  const echoesNonce = scopes.includes('openid') && provider.idToken.nonce === 'required'
  return {
    response_type: 'code',
    client_id: snapshot.clientId,
    redirect_uri: snapshot.redirectUri,
    state,
    ...(echoesNonce ? { nonce: secrets.nonce } : {}),
    ...(snapshot.usesPkce
      ? {
          code_challenge: await calculatePKCECodeChallenge(secrets.codeVerifier),
          code_challenge_method: 'S256',
        }
      : {}),
  }
}

// RFC 6749 section 3.1: a parameter must not appear twice, and the library appends to the endpoint's own query.
function withoutParameters(endpoint: string, names: readonly string[]): string {
  const url = new URL(endpoint)
  for (const name of names) url.searchParams.delete(name)
  return url.href
}
