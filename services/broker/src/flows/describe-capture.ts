import { ServiceError } from '@dromos/contract'
import type { AuthorizationRequest } from '../domain/authorization-request.js'
import type { Actor } from '../domain/events.js'
import type { OAuthProvider, StaticProvider } from '../domain/provider.js'
import { verifyState } from '../domain/signed-state.js'
import type { Ports } from './ports/ports.js'
import type { ConsentSettings } from './open-consent.js'

/** A pending connection that waits for a person to type credentials in. */
export type OpenCapture = { request: AuthorizationRequest; provider: StaticProvider }

/**
 * Finds what a state asks credentials for. A12: a state of an OAuth consent, of another connection or of a completed one
 * opens nothing. Throws `invalid_state`, `consent_already_used`, `consent_expired`, `provider_not_found`,
 * `unsupported_auth_type`.
 */
export async function openCapture(
  ports: Pick<Ports, 'now' | 'providers' | 'authorizationRequests' | 'report'>,
  settings: Pick<ConsentSettings, 'stateKeys'>,
  value: unknown,
  actor: Actor,
): Promise<OpenCapture> {
  const state = await verified(ports, settings, value, actor)
  const request = await ports.authorizationRequests.find(state.tenant, state.request)
  const isTheOne =
    request?.purpose === 'capture' &&
    request.key.connectionId === state.nonce &&
    request.providerId === state.provider_id
  if (request === undefined || !isTheOne)
    throw new ServiceError('invalid_state', 'the state names no capture of ours: start the connection again')
  if (request.isClaimed)
    throw new ServiceError('consent_already_used', 'credentials were already captured: start a new connection')
  if (request.isExpired)
    throw new ServiceError('consent_expired', 'the time for this capture is over: start a new connection')
  const provider = await providerOf(ports, request)
  if (provider.kind !== 'static') throw notStatic()
  return { request, provider }
}

async function verified(
  ports: Pick<Ports, 'now' | 'report'>,
  settings: Pick<ConsentSettings, 'stateKeys'>,
  value: unknown,
  actor: Actor,
) {
  try {
    return verifyState(value, 'capture', settings.stateKeys, ports.now().getTime())
  } catch (error) {
    await ports.report({ type: 'state_verification_failed', actor })
    throw error
  }
}

/**
 * What the page behind a link has to ask: credentials, values for URL placeholders, whether the person wants this at all
 * (before a consent that an application completes), or nothing any more.
 */
export type PageTask =
  | { kind: 'credentials'; request: AuthorizationRequest; provider: StaticProvider }
  | { kind: 'variables'; request: AuthorizationRequest; provider: OAuthProvider }
  | { kind: 'confirmation'; request: AuthorizationRequest; provider: OAuthProvider }
  | { kind: 'nothing' }

/** Decides what a person is asked. Throws `provider_not_found`, `unsupported_auth_type`. */
export async function pageTask(ports: Pick<Ports, 'providers'>, request: AuthorizationRequest): Promise<PageTask> {
  const provider = await providerOf(ports, request)
  const isCapture = request.purpose === 'capture'
  // The provider's type may have been changed since the request was made.
  if (isCapture !== (provider.kind === 'static')) throw notStatic()
  if (provider.kind === 'static') return { kind: 'credentials', request, provider }
  if (request.snapshot === undefined) return { kind: 'variables', request, provider }
  return request.completionChallenge === undefined ? { kind: 'nothing' } : { kind: 'confirmation', request, provider }
}

async function providerOf(ports: Pick<Ports, 'providers'>, request: AuthorizationRequest) {
  const found = await ports.providers.find(request.providerId)
  if (found === undefined || found.provider.identity.isDeleted)
    throw new ServiceError('provider_not_found', 'the provider of this connection no longer exists')
  return found.provider
}

const notStatic = (): ServiceError =>
  new ServiceError('unsupported_auth_type', 'the provider changed its kind of authentication: start a new connection')
