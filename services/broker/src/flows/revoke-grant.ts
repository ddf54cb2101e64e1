import { authenticationTarget } from '../domain/authentication-target.js'
import type { Credentials, OAuthCredentials } from '../domain/credentials.js'
import type { Actor } from '../domain/events.js'
import type { ClientSecrets, OAuthProvider } from '../domain/provider.js'
import { revocationDelayMs, revocationTries } from '../domain/revocation.js'
import { originsOf } from './granted-at.js'
import type { RevocationAnswer, RevocationPlace } from './ports/oauth.js'
import type { Ports } from './ports/ports.js'
import type { Revocation, RevocationOutcome } from './ports/revocation.js'

// Owns one try to end a grant at its provider, and what follows from it. Does not own when: disconnect-connection.ts and
// revocation-worker.ts.

export type RevokePorts = Pick<
  Ports,
  'providers' | 'metadata' | 'vault' | 'revocations' | 'revocationEndpoint' | 'report'
>

export type Ending = { kind: 'over'; outcome: RevocationOutcome } | { kind: 'later'; retryAfterMs: number | undefined }

/** Revokes what a claimed revocation holds, then shreds it or says when to try again. Answers true when it is over. */
export async function revokeGrant(ports: RevokePorts, revocation: Revocation, actor: Actor): Promise<boolean> {
  const { key, attempt } = revocation
  const ending = await endAtProvider(ports, revocation)
  // A refresh that was under way may still bring newer tokens of the grant; they are revoked in another round.
  if (ending.kind === 'over' && revocation.waitMs > 0) {
    await ports.revocations.postpone(key, revocation.waitMs, 'waiting')
    return false
  }
  if (ending.kind === 'later' && attempt < revocationTries) {
    await ports.revocations.postpone(key, revocationDelayMs(attempt, ending.retryAfterMs), 'failed')
    return false
  }
  const outcome = ending.kind === 'over' ? ending.outcome : 'revocation_failed'
  if (await ports.revocations.finish(revocation, outcome))
    await ports.report({
      type: 'connection.revoked',
      actor: { ...actor, tenantId: key.tenantId },
      connectionId: key.connectionId,
      data: { provider_id: revocation.providerId, outcome, attempts: attempt },
    })
  return true
}

async function endAtProvider(ports: RevokePorts, revocation: Revocation): Promise<Ending> {
  const grants = openGrants(ports, revocation)
  if (grants.length === 0) return { kind: 'over', outcome: 'not_needed' }
  const found = await ports.providers.find(revocation.providerId)
  if (found?.provider.kind !== 'oauth2' || found.provider.clientId !== revocation.grantedToClientId)
    return { kind: 'over', outcome: 'unsupported' }
  const place = await placeOf(ports, found.provider, revocation)
  if (place === 'unknown') return { kind: 'later', retryAfterMs: undefined }
  if (place === undefined) return { kind: 'over', outcome: 'unsupported' }
  return endGrants(ports, found.provider, found.secrets, place, grants)
}

/** Revokes grants one after the other at a known place. */
export async function endGrants(
  ports: Pick<RevokePorts, 'revocationEndpoint'>,
  provider: OAuthProvider,
  secrets: ClientSecrets,
  place: RevocationPlace,
  grants: readonly OAuthCredentials[],
): Promise<Ending> {
  const answers: RevocationAnswer[] = []
  for (const grant of grants) answers.push(await revokeOne(ports, provider, secrets, place, grant))
  const waiting = answers.find((answer) => answer.kind === 'unavailable')
  if (waiting !== undefined) return { kind: 'later', retryAfterMs: waiting.retryAfterMs }
  // A refusal of the request itself is the provider's last word: asking again changes nothing.
  const outcome = answers.every(({ kind }) => kind === 'revoked') ? 'revoked' : 'revocation_failed'
  return { kind: 'over', outcome }
}

/** What is held and every late answer of a refresh, the newest last. What does not open cannot be revoked. */
function openGrants({ vault }: Pick<RevokePorts, 'vault'>, revocation: Revocation): OAuthCredentials[] {
  const { tenantId, connectionId } = revocation.key
  const { sealedCredentials, version } = revocation
  const base = { tenantId, recordId: connectionId }
  const envelopes = [
    ...(sealedCredentials ? [[sealedCredentials, { ...base, field: 'credentials', version }] as const] : []),
    ...revocation.orphans.map(({ fence, sealed }) => [sealed, { ...base, field: 'orphan', version: fence }] as const),
  ]
  return envelopes.flatMap(([sealed, context]) => {
    try {
      const credentials = JSON.parse(vault.open(sealed, context)) as Credentials
      return credentials.type === 'oauth2' ? [credentials] : []
    } catch {
      return []
    }
  })
}

/** Where the grant was made; a place that the provider's profile names today only when it is of the same origin. */
async function placeOf(
  ports: Pick<RevokePorts, 'metadata'>,
  provider: OAuthProvider,
  revocation: Revocation,
): Promise<RevocationPlace | 'unknown' | undefined> {
  try {
    const endpoints = await ports.metadata.endpoints(provider, revocation.variables)
    const server = authenticationTarget(endpoints)
    if (revocation.revocationUrl !== undefined) return { url: revocation.revocationUrl, ...server }
    const { revocation: url } = endpoints
    const isKnown = url !== undefined && revocation.grantedAtOrigin?.split(' ').includes(new URL(url).origin) === true
    const isUnmoved = revocation.grantedAtOrigin === originsOf(endpoints)
    return isKnown && isUnmoved ? { url, ...server } : undefined
  } catch {
    return 'unknown'
  }
}

function revokeOne(
  ports: Pick<RevokePorts, 'revocationEndpoint'>,
  provider: OAuthProvider,
  secrets: ClientSecrets,
  place: RevocationPlace,
  grant: OAuthCredentials,
): Promise<RevocationAnswer> {
  const held = provider.revocationStyle.token === 'refresh_token' ? grant.refreshToken : undefined
  return ports.revocationEndpoint.revoke(provider, secrets, {
    ...place,
    token: held ?? grant.accessToken,
    hint: held === undefined ? 'access_token' : 'refresh_token',
  })
}
