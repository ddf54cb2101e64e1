import { authenticationTarget } from '../domain/authentication-target.js'
import type { Account } from '../domain/connection.js'
import type { OAuthCredentials } from '../domain/credentials.js'
import type { Actor } from '../domain/events.js'
import type { OAuthProvider } from '../domain/provider.js'
import { revocationDelayMs, revocationTries } from '../domain/revocation.js'
import { openCaptured } from './captured-grant.js'
import type { Ports } from './ports/ports.js'
import type { RejectedGrant } from './ports/revocation.js'
import { type Ending, endGrants } from './revoke-grant.js'

// Owns what becomes of a grant that a consent brought and that nobody will use. Does not own why: finish-connection.ts,
// complete-connection.ts.

export type RejectPorts = Pick<
  Ports,
  'providers' | 'connections' | 'idTokens' | 'vault' | 'rejectedGrants' | 'revocationEndpoint' | 'report'
>

/** One try to end it at the provider; then it is shredded, or tried again later. */
export async function revokeRejected(ports: RejectPorts, rejected: RejectedGrant, actor: Actor): Promise<void> {
  const { request, attempt } = rejected
  const ending = await endAtProvider(ports, rejected)
  if (ending.kind === 'later' && attempt < revocationTries)
    return ports.rejectedGrants.postpone(request, revocationDelayMs(attempt, ending.retryAfterMs))
  await ports.rejectedGrants.finish(request)
  await ports.report({
    type: 'connection.grant_revoked',
    actor: { ...actor, tenantId: request.key.tenantId },
    connectionId: request.key.connectionId,
    data: {
      provider_id: rejected.providerId,
      outcome: ending.kind === 'over' ? ending.outcome : 'revocation_failed',
      attempts: attempt,
    },
  })
}

async function endAtProvider(ports: RejectPorts, rejected: RejectedGrant): Promise<Ending> {
  const captured = openGranted(ports, rejected)
  const endpoints = rejected.snapshot?.endpoints
  if (captured === undefined || endpoints === undefined) return { kind: 'over', outcome: 'not_needed' }
  const found = await ports.providers.find(rejected.providerId)
  const isOurs = found?.provider.kind === 'oauth2' && found.provider.clientId === rejected.snapshot?.clientId
  if (found?.provider.kind !== 'oauth2' || !isOurs || endpoints.revocation === undefined)
    return { kind: 'over', outcome: 'unsupported' }
  if (await isInUse(ports, found.provider, rejected, captured)) return { kind: 'over', outcome: 'not_needed' }
  const place = { url: endpoints.revocation, ...authenticationTarget(endpoints) }
  return endGrants(ports, found.provider, found.secrets, place, [captured.credentials])
}

type GrantedCaptured = { credentials: OAuthCredentials; account: Account | undefined }

/** What does not open, and what no provider granted, cannot be revoked. */
function openGranted(
  { vault }: Pick<RejectPorts, 'vault'>,
  { request, sealedCaptured }: RejectedGrant,
): GrantedCaptured | undefined {
  if (sealedCaptured === undefined) return undefined
  try {
    const { credentials, account } = openCaptured(vault, request, sealedCaptured)
    return credentials.type === 'oauth2' ? { credentials, account } : undefined
  } catch {
    return undefined
  }
}

/**
 * Many providers end every grant of an account and client with one revocation, and a person must not lose a connection
 * because another consent went wrong. An account nobody proved is taken for that of the connection that was to be renewed.
 */
async function isInUse(
  ports: RejectPorts,
  provider: OAuthProvider,
  { snapshot, isConnected }: RejectedGrant,
  { credentials: { idToken }, account: judged }: GrantedCaptured,
): Promise<boolean> {
  if (judged !== undefined) return ports.connections.isAccountConnected(provider.identity.id, judged)
  if (snapshot === undefined || idToken === undefined) return isConnected
  try {
    const expected = { endpoints: snapshot.endpoints, clientId: snapshot.clientId, nonce: undefined }
    const occasion = { accessToken: undefined, occasion: 'recovery' } as const
    const account = await ports.idTokens.verify(provider, idToken, { ...expected, ...occasion })
    return await ports.connections.isAccountConnected(provider.identity.id, account)
  } catch {
    return isConnected
  }
}
