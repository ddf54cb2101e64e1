import { ServiceError } from '@dromos/contract'
import type { FlowSecrets, FlowSnapshot } from '../domain/authorization-request.js'
import { newDpopKey } from '../domain/dpop-key.js'
import { drawRandom } from '../domain/draw-random.js'
import type { Endpoints, OAuthProvider } from '../domain/provider.js'
import { redirectUriOf } from '../domain/redirect-uri.js'
import type { Ports } from './ports/ports.js'

/**
 * Makes what an authorization request is started with: the endpoints as they are now and fresh one-time secrets
 * (RFC 7636 section 4.1: 256 random bits; the nonce is our own, never the state).
 * Throws `provider_misconfigured`, `provider_unavailable`, `issuer_mismatch`.
 */
export async function prepareAuthorization(
  ports: Pick<Ports, 'metadata'>,
  provider: OAuthProvider,
  want: { variables: Readonly<Record<string, string>>; scopes: readonly string[]; redirectUri: string },
): Promise<{ snapshot: FlowSnapshot; secrets: FlowSecrets }> {
  const endpoints = await ports.metadata.endpoints(provider, want.variables)
  const expectsIdToken = want.scopes.includes('openid')
  // RFC 9700 section 4.8: continuing without the demanded PKCE would be a downgrade.
  if (provider.pkce === 'required' && endpoints.refusesPkce === true)
    throw new ServiceError(
      'provider_misconfigured',
      'the provider does not support PKCE with S256, which its profile requires',
    )
  if (expectsIdToken && (endpoints.issuer === undefined || endpoints.jwks === undefined))
    throw new ServiceError(
      'provider_misconfigured',
      'openid was asked for, but the provider has no issuer and jwks_url to verify an id_token with',
    )
  return {
    snapshot: {
      clientId: provider.clientId,
      endpoints,
      redirectUri: redirectUriOf(provider, want.redirectUri),
      usesPkce: provider.pkce !== 'off',
      usesPar: usesPar(provider, endpoints),
      expectsIdToken,
    },
    secrets: { codeVerifier: randomText(), nonce: randomText(), ...(provider.usesDpop && { dpopKey: newDpopKey() }) },
  }
}

/** RFC 9126 section 5. Throws `provider_misconfigured` when profile and provider contradict each other. */
function usesPar(provider: OAuthProvider, { par, demandsPar }: Endpoints): boolean {
  if (provider.par === 'off' && demandsPar)
    throw new ServiceError('provider_misconfigured', 'the provider demands pushed authorization requests: set par')
  if ((provider.par === 'required' || demandsPar) && par === undefined)
    throw new ServiceError('provider_misconfigured', 'the provider has no par_url, and its metadata names none either')
  return provider.par !== 'off' && par !== undefined
}

const randomText = (): string => drawRandom(32).toString('base64url')
