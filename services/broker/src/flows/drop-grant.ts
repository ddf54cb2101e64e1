import type { AuthorizationRequest } from '../domain/authorization-request.js'
import type { Account } from '../domain/connection.js'
import type { OAuthCredentials } from '../domain/credentials.js'
import type { ClientSecrets, Provider } from '../domain/provider.js'
import type { Ports } from './ports/ports.js'

/**
 * Revokes, as best it can, a grant that will never be used. Not when another connection lives on the same account: many
 * providers end every grant of an account and client with one revocation.
 */
export async function dropGrant(
  ports: Pick<Ports, 'connections' | 'revocationEndpoint'>,
  request: AuthorizationRequest,
  { provider, secrets }: { provider: Provider; secrets: ClientSecrets },
  credentials: OAuthCredentials,
  account: Account | undefined,
): Promise<void> {
  const endpoints = request.snapshot?.endpoints
  if (provider.kind !== 'oauth2' || endpoints?.revocation === undefined || account === undefined) return
  if (await ports.connections.isAccountConnected(provider.identity.id, account)) return
  const hint = provider.revocationStyle.token
  const held = hint === 'refresh_token' ? credentials.refreshToken : undefined
  await ports.revocationEndpoint.revoke(provider, secrets, {
    url: endpoints.revocation,
    audience: endpoints.issuer ?? endpoints.token,
    token: held ?? credentials.accessToken,
    hint: held === undefined ? 'access_token' : 'refresh_token',
  })
}
