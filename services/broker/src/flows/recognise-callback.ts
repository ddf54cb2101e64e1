import { ServiceError } from '@dromos/contract'
import type { AuthorizationRequest, FlowSnapshot } from '../domain/authorization-request.js'
import type { AuthorizationResponse } from '../domain/authorization-response.js'
import type { Actor } from '../domain/events.js'
import { type State, verifyState } from '../domain/signed-state.js'
import type { Ports } from './ports/ports.js'
import type { ConsentSettings } from './open-consent.js'

type RecognisePorts = Pick<Ports, 'now' | 'authorizationRequests' | 'report'>

export type Callback = {
  response: AuthorizationResponse
  /** The address it arrived at. */
  redirectUri: string
  /** True when the presenting browser is the one that opened the link. */
  isSameBrowser: (request: AuthorizationRequest) => boolean
  actor: Actor
}

/** A request that a callback may complete: it knows whom it was sent to. */
export type Recognised = AuthorizationRequest & { snapshot: FlowSnapshot }

/**
 * Phase 1: which consent does this callback belong to, and is this the browser that started it?
 * Throws `invalid_state`, `wrong_browser`.
 */
export async function recogniseCallback(
  ports: RecognisePorts,
  settings: ConsentSettings,
  callback: Callback,
): Promise<Recognised> {
  const state = await verifiedState(ports, settings, callback)
  const request = await ports.authorizationRequests.find(state.tenant, state.request)
  const isTheOne =
    request !== undefined &&
    request.purpose === 'authorization' &&
    request.key.connectionId === state.nonce &&
    request.providerId === state.provider_id
  if (!isTheOne || request.snapshot === undefined)
    throw new ServiceError('invalid_state', 'the state names no consent of ours: start the connection again')
  if (request.binding === 'browser' && !callback.isSameBrowser(request)) {
    await ports.report({
      type: 'consent_refused',
      actor: tenantActor(callback.actor, request),
      connectionId: request.key.connectionId,
      data: { reason: 'wrong_browser' },
    })
    throw new ServiceError(
      'wrong_browser',
      'this consent was started in another browser: open the link again in this one',
    )
  }
  return { ...request, snapshot: request.snapshot }
}

async function verifiedState(ports: RecognisePorts, settings: ConsentSettings, callback: Callback): Promise<State> {
  try {
    return verifyState(callback.response.state, 'authorization', settings.stateKeys, ports.now().getTime())
  } catch (error) {
    await ports.report({ type: 'state_verification_failed', actor: callback.actor })
    throw error
  }
}

/** The tenant of an event in a browser is that of the consent, not of a key. */
export const tenantActor = (actor: Actor, request: Pick<AuthorizationRequest, 'key'>): Actor => ({
  ...actor,
  tenantId: request.key.tenantId,
})
