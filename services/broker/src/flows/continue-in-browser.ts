import { ServiceError } from '@dromos/contract'
import type { AuthorizationRequest } from '../domain/authorization-request.js'
import type { Actor } from '../domain/events.js'
import { isAuthorizationRequestId } from '../domain/ids.js'
import type { OAuthProvider } from '../domain/provider.js'
import { classifyRefusal, type TokenCall } from '../domain/token-refusal.js'
import type { Ports } from './ports/ports.js'
import { type ConsentSettings, stateOf } from './open-consent.js'
import { tenantActor } from './recognise-callback.js'

/** Finds the request behind a link a person opened. Throws `connection_not_found`, `consent_already_used`, `consent_expired`. */
export async function openLink(
  ports: Pick<Ports, 'authorizationRequests'>,
  link: string,
): Promise<AuthorizationRequest> {
  const request = isAuthorizationRequestId(link) ? await ports.authorizationRequests.findByLink(link) : undefined
  if (request === undefined)
    throw new ServiceError('connection_not_found', 'this link is not one of ours: ask for a new one')
  if (request.isClaimed) throw new ServiceError('consent_already_used', 'this link was already used: ask for a new one')
  if (request.isExpired) throw new ServiceError('consent_expired', 'this link has expired: ask for a new one')
  return request
}

type ContinuePorts = Pick<Ports, 'now' | 'providers' | 'authorizationRequests' | 'authorization' | 'report'>

/**
 * Where a browser that is now bound to the request goes next: to the provider, or first to our page when there is something
 * to type in or to be told.
 */
export async function continueInBrowser(
  ports: ContinuePorts,
  settings: ConsentSettings,
  request: AuthorizationRequest,
  actor: Actor,
): Promise<string> {
  return request.snapshot === undefined || request.completionChallenge !== undefined
    ? `${settings.baseUrl}/auth/connect/${request.id}`
    : signInUrl(ports, settings, request, actor)
}

/** The provider's URL for this request, from where the browser comes back to the callback. */
export async function signInUrl(
  ports: ContinuePorts,
  settings: ConsentSettings,
  request: AuthorizationRequest,
  actor: Actor,
): Promise<string> {
  const found = await ports.providers.find(request.providerId)
  if (found === undefined || found.provider.identity.isDeleted)
    throw new ServiceError('provider_not_found', 'the provider of this link no longer exists')
  const { provider } = found
  if (provider.kind === 'static' || request.snapshot === undefined)
    return `${settings.baseUrl}/auth/connect/${request.id}`
  const secrets = await ports.authorizationRequests.secrets(request.key.tenantId, request.id)
  if (secrets === undefined)
    throw new ServiceError('consent_already_used', 'this link was already used: ask for a new one')
  const state = stateOf(request, settings, ports.now())
  const { snapshot, scopes } = request
  const wanted = { snapshot, secrets, scopes, state }
  if (!snapshot.usesPar) return ports.authorization.build(provider, wanted)
  return pushed(ports, request, provider, await ports.authorization.push(provider, found.secrets, wanted), actor)
}

/** A request that was not taken is not sent in the open instead: the link can be opened again. */
async function pushed(
  ports: Pick<Ports, 'report'>,
  request: AuthorizationRequest,
  provider: OAuthProvider,
  call: TokenCall<string>,
  actor: Actor,
): Promise<string> {
  if (call.kind === 'answer') return call.answer
  const error = call.kind === 'refusal' ? (call.refusal.error ?? `http_${call.refusal.httpStatus}`) : call.why
  const { connectionId } = request.key
  const data = { provider_id: request.providerId, error }
  await ports.report({ type: 'authorization_push_failed', actor: tenantActor(actor, request), connectionId, data })
  const isOurs = call.kind === 'refusal' && classifyRefusal(call.refusal, provider.deadGrantErrors) === 'our_client'
  throw isOurs
    ? new ServiceError(
        'provider_misconfigured',
        'the provider refused our request: an operator has to mend its profile',
      )
    : new ServiceError('provider_unavailable', 'the provider took no request: open the link again in a moment')
}
