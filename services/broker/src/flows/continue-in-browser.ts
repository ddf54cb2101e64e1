import { ServiceError } from '@dromos/contract'
import type { AuthorizationRequest } from '../domain/authorization-request.js'
import { isAuthorizationRequestId } from '../domain/ids.js'
import type { Ports } from './ports/ports.js'
import { type ConsentSettings, stateOf } from './open-consent.js'

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

type ContinuePorts = Pick<Ports, 'now' | 'providers' | 'authorizationRequests' | 'authorization'>

/**
 * Where a browser that is now bound to the request goes next: to the provider, or first to our page when there is something
 * to type in or to be told.
 */
export async function continueInBrowser(
  ports: ContinuePorts,
  settings: ConsentSettings,
  request: AuthorizationRequest,
): Promise<string> {
  return request.snapshot === undefined || request.completionChallenge !== undefined
    ? `${settings.baseUrl}/auth/connect/${request.id}`
    : signInUrl(ports, settings, request)
}

/** The provider's URL for this request, from where the browser comes back to the callback. */
export async function signInUrl(
  ports: ContinuePorts,
  settings: ConsentSettings,
  request: AuthorizationRequest,
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
  return ports.authorization.build(provider, { snapshot: request.snapshot, secrets, scopes: request.scopes, state })
}
