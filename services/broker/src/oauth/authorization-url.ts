import { buildAuthorizationUrl, calculatePKCECodeChallenge, None } from 'openid-client'
import type { Endpoints, OAuthProvider } from '../domain/provider.js'
import type { AuthorizationUrls } from '../flows/ports/oauth.js'
import { clientConfiguration } from './client.js'
import { dpopThumbprint } from './dpop.js'

type AuthorizationInput = Parameters<AuthorizationUrls['build']>[1]

// Owns the authorization request. Does not own its endpoints and secrets: the flow's snapshot and secrets bring them.
export const buildUrl: AuthorizationUrls['build'] = async (provider, request) => {
  const parameters = await authorizationParameters(provider, request)
  const { endpoints, clientId } = request.snapshot
  const configuration = clientConfiguration(authorizationServer(endpoints, parameters), clientId, None())
  return buildAuthorizationUrl(configuration, parameters).href
}

/** What the authorization endpoint is to be told, in the browser's URL or pushed. */
export async function authorizationParameters(
  provider: OAuthProvider,
  request: AuthorizationInput,
): Promise<Record<string, string>> {
  return { ...freeParameters(provider, request), ...(await reservedParameters(provider, request)) }
}

/** The library's view of the server; a parameter of ours replaces one in the endpoint's own query. */
export const authorizationServer = (endpoints: Endpoints, parameters: Record<string, string>) => ({
  issuer: endpoints.issuer ?? endpoints.authorization,
  authorization_endpoint: withoutParameters(endpoints.authorization, [
    ...Object.keys(parameters),
    'client_id',
    'request_uri',
  ]),
})

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
    ...(secrets.dpopKey === undefined ? {} : { dpop_jkt: await dpopThumbprint(secrets.dpopKey) }),
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
