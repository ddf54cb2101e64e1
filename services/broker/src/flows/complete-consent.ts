import type { FlowSecrets } from '../domain/authorization-request.js'
import { mergeAnswer, type OAuthCredentials } from '../domain/credentials.js'
import type { Actor, BrokerEvent } from '../domain/events.js'
import type { ClientSecrets, OAuthProvider } from '../domain/provider.js'
import { countExtraScopes, missingScopes } from '../domain/scopes.js'
import { captureGrant } from './captured-grant.js'
import { ConsentFailure } from './consent-failure.js'
import { settleGrant } from './hold-grant.js'
import type { Grant } from './ports/oauth.js'
import type { Ports } from './ports/ports.js'
import { type Recognised, tenantActor } from './recognise-callback.js'
import { verifyGrant } from './verify-grant.js'

type CompletePorts = Pick<
  Ports,
  | 'now'
  | 'providers'
  | 'connections'
  | 'authorizationRequests'
  | 'completions'
  | 'tokenEndpoint'
  | 'idTokens'
  | 'userinfo'
  | 'vault'
  | 'report'
  | 'announce'
>

/** What the claim brought: the secrets of the flow, and which provider it was by then. */
export type Claimed = { secrets: FlowSecrets; providerRevision: string }

/**
 * Phases 4 to 7: exchange the code once, store what came before judging it, verify, activate or hold. Answers what the
 * browser takes to the application. Throws `ConsentFailure` for everything that ends the consent.
 */
export async function completeConsent(
  ports: CompletePorts,
  request: Recognised,
  { secrets, providerRevision }: Claimed,
  code: string,
  actor: Actor,
): Promise<Record<string, string>> {
  const found = await ports.providers.findRevision(request.providerId, providerRevision)
  const provider = found?.provider
  // A9: the endpoints are the snapshot's, so only a changed client makes the exchange pointless.
  if (found === undefined || provider?.kind !== 'oauth2' || provider.clientId !== request.snapshot.clientId)
    throw new ConsentFailure('provider_changed', 'token_exchange_failed', { error: 'provider_changed' })
  if (provider.identity.isDeleted) throw new ConsentFailure('provider_deleted', 'provider_not_found')

  const startedAtMs = performance.now()
  const grant = await exchange(ports, provider, found.secrets, request, secrets, code) // 4
  const durationMs = Math.round(performance.now() - startedAtMs)
  const credentials = credentialsOf(provider, request, secrets, grant)
  await captureGrant(ports, request, credentials) // 5
  const account = await verifyGrant(ports, provider, request, secrets, credentials) // 6
  const event = completed(request, credentials, actor, durationMs)
  const settled = await settleGrant(ports, request, { provider, credentials, account, event }) // 7
  return { connection_id: request.key.connectionId, provider: provider.identity.name, ...settled }
}

async function exchange(
  ports: CompletePorts,
  provider: OAuthProvider,
  clientSecrets: ClientSecrets,
  request: Recognised,
  secrets: FlowSecrets,
  code: string,
): Promise<Grant> {
  const result = await ports.tokenEndpoint.exchange(provider, clientSecrets, {
    snapshot: request.snapshot,
    code,
    codeVerifier: request.snapshot.usesPkce ? secrets.codeVerifier : undefined,
    scopes: request.scopes,
    dpopKey: secrets.dpopKey,
  })
  switch (result.kind) {
    case 'answer':
      if (result.answer.answer.accessToken === undefined)
        throw new ConsentFailure('provider_bad_response', 'token_exchange_failed', { error: 'no_access_token' })
      return result.answer
    case 'refusal':
      throw new ConsentFailure('token_exchange_failed', 'token_exchange_failed', {
        error: result.refusal.error ?? 'refused',
        http_status: result.refusal.httpStatus,
      })
    case 'unsent':
    case 'in_doubt':
      throw new ConsentFailure('token_exchange_failed', 'token_exchange_failed', { error: result.why })
  }
}

function credentialsOf(
  provider: OAuthProvider,
  request: Recognised,
  { dpopKey }: FlowSecrets,
  grant: Grant,
): OAuthCredentials {
  const answered = mergeAnswer(undefined, grant.answer, grant.receivedAtMs, provider.answer.defaultExpiresInSeconds)
  const merged = { ...answered, ...(dpopKey && { dpopKey }) }
  // An id_token nobody asked for is not verified, so it is not kept either.
  return request.snapshot.expectsIdToken ? merged : { ...merged, idToken: undefined }
}

const completed = (
  request: Recognised,
  credentials: OAuthCredentials,
  actor: Actor,
  durationMs: number,
): BrokerEvent => ({
  type: 'oauth_flow_completed',
  actor: tenantActor(actor, request),
  connectionId: request.key.connectionId,
  data: {
    provider_id: request.providerId,
    duration_ms: durationMs,
    has_id_token: credentials.idToken !== undefined,
    missing_scopes: missingScopes(request.scopes, credentials.scope),
    extra_scopes: countExtraScopes(request.scopes, credentials.scope),
  },
})
