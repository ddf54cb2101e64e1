import { ServiceError } from '@dromos/contract'
import { isFromIssuer, reasonOfError } from '../domain/authorization-response.js'
import type { ConnectionReason } from '../domain/connection.js'
import type { Actor } from '../domain/events.js'
import { isSameAddress } from '../domain/redirect-uri.js'
import { checkReturnUrl, withResult } from '../domain/return-url.js'
import { type Claimed, completeConsent } from './complete-consent.js'
import { ConsentFailure } from './consent-failure.js'
import type { Ports } from './ports/ports.js'
import type { Revoker } from './revocation-worker.js'
import { type Callback, recogniseCallback, type Recognised, tenantActor } from './recognise-callback.js'
import type { ConsentSettings } from './open-consent.js'

type FinishPorts = Pick<
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
> & { revoker: Revoker }

/**
 * Finishes a consent at the redirect endpoint and answers the URL to send the browser to. The phases are numbered; none may
 * move. Throws `invalid_state`, `wrong_browser`, `issuer_mismatch`, `consent_already_used`, `consent_expired` while nothing
 * may be changed; later failures end the connection and redirect.
 */
export async function finishConnection(
  ports: FinishPorts,
  settings: ConsentSettings,
  callback: Callback,
): Promise<string> {
  // 1 state and browser
  const request = await recogniseCallback(ports, settings, callback)
  // 2 whose answer it is, before anything of it is believed: by its address (RFC 9700 section 4.4.2.2) and its issuer (RFC 9207)
  const isTrusted =
    isSameAddress(callback.redirectUri, request.snapshot.redirectUri) &&
    isFromIssuer(callback.response, {
      issuer: request.snapshot.endpoints.issuer,
      sendsIssuer: request.snapshot.endpoints.sendsIssuer,
    })
  if (!isTrusted && callback.response.error !== undefined)
    throw new ServiceError('issuer_mismatch', 'the answer comes from another issuer than the one that was asked')
  // The allowlist may have changed since the request was made (A28): ask before anything is used up.
  const returnUrl = checkReturnUrl(request.returnUrl, settings.returnUrlRules)
  // 3 the one claim
  const claimed = await claim(ports, request)
  try {
    if (!isTrusted) throw new ConsentFailure('issuer_mismatch', 'oauth_error', { error: 'issuer_mismatch' })
    const { code, error } = callback.response
    if (error !== undefined || code === undefined) {
      const reason = reasonOfError(error ?? '')
      throw new ConsentFailure(reason, 'oauth_error', { error: reason })
    }
    // 4 to 7 exchange, capture, verify, activate or hold
    const result = await completeConsent(ports, request, claimed, code, callback.actor)
    // 8 redirect
    return withResult(returnUrl, result)
  } catch (error) {
    const reason = await failConsent(ports, request, callback.actor, error)
    return withResult(returnUrl, { status: 'error', connection_id: request.key.connectionId, error: reason })
  }
}

async function claim(ports: FinishPorts, request: Recognised): Promise<Claimed> {
  const claimed = await ports.authorizationRequests.claim(request)
  if (claimed.kind === 'expired')
    throw new ServiceError('consent_expired', 'this consent has expired: start the connection again')
  if (claimed.kind === 'used' || claimed.secrets === undefined)
    throw new ServiceError('consent_already_used', 'this consent was already completed')
  return { secrets: claimed.secrets, providerRevision: claimed.providerRevision }
}

/** Milliseconds for which the person waits for a revocation; it goes on behind. */
const patienceMs = 2_000

/** Ends the consent and tells why; what is not the consent's own failure goes on upwards after that. */
async function failConsent(
  ports: FinishPorts,
  request: Recognised,
  actor: Actor,
  error: unknown,
): Promise<ConnectionReason> {
  const failure = error instanceof ConsentFailure ? error : new ConsentFailure('provider_error', 'token_storage_failed')
  await ports.connections.fail(request, failure.reason)
  await ports.report({
    type: failure.event,
    actor: tenantActor(actor, request),
    connectionId: request.key.connectionId,
    data: { provider_id: request.providerId, reason: failure.reason, ...failure.data },
  })
  // Nobody will use what the person may just have granted: it should not live on at the provider.
  await ports.revoker.revokeRejected(request, tenantActor(actor, request), patienceMs)
  if (!(error instanceof ConsentFailure)) throw error
  return failure.reason
}
