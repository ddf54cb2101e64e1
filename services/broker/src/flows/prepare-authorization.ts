import { randomBytes } from 'node:crypto'
import { ServiceError } from '@dromos/contract'
import type { FlowSecrets, FlowSnapshot } from '../domain/authorization-request.js'
import type { OAuthProvider } from '../domain/provider.js'
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
      redirectUri: want.redirectUri,
      usesPkce: provider.pkce !== 'off',
      expectsIdToken,
    },
    secrets: { codeVerifier: randomText(), nonce: randomText() },
  }
}

const randomText = (): string => randomBytes(32).toString('base64url')
