import { ServiceError } from '@dromos/contract'
import { type AuthorizationRequest, type FlowSecrets, type FlowSnapshot } from '../domain/authorization-request.js'
import { type AuthorizationResponse, isFromIssuer, reasonOfError } from '../domain/authorization-response.js'
import type { Account, ConnectionReason } from '../domain/connection.js'
import { isHeaderSafe, mergeAnswer, type OAuthCredentials } from '../domain/credentials.js'
import type { Actor, EventType } from '../domain/events.js'
import type { ClientSecrets, OAuthProvider } from '../domain/provider.js'
import { checkReturnUrl, withResult } from '../domain/return-url.js'
import { missingScopes } from '../domain/scopes.js'
import { verifyState } from '../domain/signed-state.js'
import { originsOf } from './granted-at.js'
import type { Grant, Ports } from './ports.js'
import type { ConsentSettings } from './start-connection.js'

type FinishPorts = Pick<
  Ports,
  'now' | 'providers' | 'connections' | 'authorizationRequests' | 'tokenEndpoint' | 'idTokens' | 'vault' | 'report'
>

export type Callback = {
  response: AuthorizationResponse
  /** True when the presenting browser is the one that opened the link. */
  isSameBrowser: (request: AuthorizationRequest) => boolean
  actor: Actor
}

/** A consent that ended badly after its claim: the connection is failed and the person sent back with `status=error`. */
class ConsentFailure extends Error {
  constructor(
    readonly reason: ConnectionReason,
    readonly event: EventType,
    readonly data: Readonly<Record<string, string | number>> = {},
  ) {
    super(reason)
  }
}

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
  const request = await recognise(ports, settings, callback)
  // 2 issuer of the answer, before anything of it is believed (RFC 9207)
  const isTrusted = isFromIssuer(callback.response, {
    issuer: request.snapshot.endpoints.issuer,
    sendsIssuer: request.snapshot.endpoints.sendsIssuer,
  })
  if (!isTrusted && callback.response.error !== undefined)
    throw new ServiceError('issuer_mismatch', 'the answer comes from another issuer than the one that was asked')
  // 3 the one claim
  const secrets = await claim(ports, request)
  try {
    if (!isTrusted) throw new ConsentFailure('issuer_mismatch', 'oauth_error', { error: 'issuer_mismatch' })
    if (callback.response.error !== undefined || callback.response.code === undefined)
      throw new ConsentFailure(reasonOfError(callback.response.error ?? ''), 'oauth_error', {
        error: reasonOfError(callback.response.error ?? ''),
      })
    // 4 to 7 exchange, capture, verify, activate
    const name = await complete(ports, request, secrets, callback.response.code, callback.actor)
    // 9 redirect
    return resultUrl(settings, request, { status: 'success', connection_id: request.key.connectionId, provider: name })
  } catch (error) {
    return await failConsent(ports, settings, request, callback.actor, error)
  }
}

type Recognised = AuthorizationRequest & { snapshot: FlowSnapshot }

async function recognise(ports: FinishPorts, settings: ConsentSettings, callback: Callback): Promise<Recognised> {
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

async function verifiedState(ports: FinishPorts, settings: ConsentSettings, callback: Callback) {
  try {
    return verifyState(callback.response.state, 'authorization', settings.stateKeys, ports.now().getTime())
  } catch (error) {
    await ports.report({ type: 'state_verification_failed', actor: callback.actor })
    throw error
  }
}

async function claim(ports: FinishPorts, request: Recognised): Promise<FlowSecrets> {
  const claimed = await ports.authorizationRequests.claim(request)
  if (claimed.kind === 'expired')
    throw new ServiceError('consent_expired', 'this consent has expired: start the connection again')
  if (claimed.kind === 'used' || claimed.secrets === undefined)
    throw new ServiceError('consent_already_used', 'this consent was already completed')
  return claimed.secrets
}

async function complete(
  ports: FinishPorts,
  request: Recognised,
  secrets: FlowSecrets,
  code: string,
  actor: Actor,
): Promise<string> {
  const found = await ports.providers.find(request.providerId)
  const provider = found?.provider
  // A9: the endpoints are the snapshot's, so only a changed client makes the exchange pointless.
  if (found === undefined || provider?.kind !== 'oauth2' || provider.clientId !== request.snapshot.clientId)
    throw new ConsentFailure('provider_changed', 'token_exchange_failed', { error: 'provider_changed' })
  if (provider.identity.isDeleted) throw new ConsentFailure('provider_deleted', 'provider_not_found')

  const startedAtMs = performance.now()
  const grant = await exchange(ports, provider, found.secrets, request, secrets, code) // 4
  const durationMs = Math.round(performance.now() - startedAtMs)
  const credentials = credentialsOf(provider, request, grant)
  await capture(ports, request, credentials) // 5
  const account = await verify(ports, provider, request, secrets, credentials) // 6
  await activate(ports, provider, request, account) // 7
  await ports.report({
    type: 'oauth_flow_completed', // 8
    actor: tenantActor(actor, request),
    connectionId: request.key.connectionId,
    data: {
      provider_id: request.providerId,
      duration_ms: durationMs,
      has_id_token: credentials.idToken !== undefined,
      missing_scopes: missingScopes(request.scopes, credentials.scope),
    },
  })
  return provider.identity.name
}

async function exchange(
  ports: FinishPorts,
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
      throw new ConsentFailure('token_exchange_failed', 'token_exchange_failed', { error: result.kind })
  }
}

function credentialsOf(provider: OAuthProvider, request: Recognised, grant: Grant): OAuthCredentials {
  const merged = mergeAnswer(undefined, grant.answer, grant.receivedAtMs, provider.answer.defaultExpiresInSeconds)
  // An id_token nobody asked for is not verified, so it is not kept either.
  return request.snapshot.expectsIdToken ? merged : { ...merged, idToken: undefined }
}

async function capture(ports: FinishPorts, request: Recognised, credentials: OAuthCredentials): Promise<void> {
  const { tenantId, connectionId } = request.key
  const sealed = ports.vault.seal(JSON.stringify(credentials), {
    tenantId,
    recordId: connectionId,
    field: 'credentials',
    version: 1,
  })
  const captured = { sealed, expiresAtMs: credentials.expiresAtMs, grantedScope: credentials.scope }
  if (!(await ports.connections.captureFirst(request.key, captured)))
    throw new ServiceError('consent_already_used', 'this connection is not waiting for a consent')
}

async function verify(
  ports: FinishPorts,
  provider: OAuthProvider,
  request: Recognised,
  secrets: FlowSecrets,
  credentials: OAuthCredentials,
): Promise<Account | undefined> {
  if (!isHeaderSafe(credentials.accessToken))
    throw new ConsentFailure('token_unusable', 'token_exchange_failed', { error: 'token_unusable' })
  if (!request.snapshot.expectsIdToken) return undefined
  if (credentials.idToken === undefined)
    throw new ConsentFailure('id_token_missing', 'id_token_verification_failed', { error: 'missing' })
  try {
    return await ports.idTokens.verify(provider, credentials.idToken, {
      endpoints: request.snapshot.endpoints,
      clientId: request.snapshot.clientId,
      nonce: provider.idToken.nonce === 'required' ? secrets.nonce : undefined,
      accessToken: credentials.accessToken,
      occasion: 'login',
    })
  } catch (error) {
    if (error instanceof ServiceError)
      throw new ConsentFailure('id_token_invalid', 'id_token_verification_failed', { error: error.reason })
    throw error
  }
}

async function activate(
  ports: FinishPorts,
  provider: OAuthProvider,
  request: Recognised,
  account: Account | undefined,
): Promise<void> {
  const isActive = await ports.connections.activate(request.key, {
    account,
    variables: request.variables ?? {},
    grantedToClientId: provider.clientId,
    grantedAtOrigin: originsOf(request.snapshot.endpoints),
  })
  if (!isActive) throw new ServiceError('consent_already_used', 'this connection is not waiting for a consent')
}

async function failConsent(
  ports: FinishPorts,
  settings: ConsentSettings,
  request: Recognised,
  actor: Actor,
  error: unknown,
): Promise<string> {
  const failure = error instanceof ConsentFailure ? error : new ConsentFailure('provider_error', 'token_storage_failed')
  await ports.connections.fail(request.key, failure.reason)
  await ports.report({
    type: failure.event,
    actor: tenantActor(actor, request),
    connectionId: request.key.connectionId,
    data: { provider_id: request.providerId, reason: failure.reason, ...failure.data },
  })
  if (!(error instanceof ConsentFailure)) throw error
  return resultUrl(settings, request, {
    status: 'error',
    connection_id: request.key.connectionId,
    error: failure.reason,
  })
}

// The allowlist may have changed since the request was made (A28): check again before sending anybody there.
const resultUrl = (settings: ConsentSettings, request: Recognised, result: Readonly<Record<string, string>>): string =>
  withResult(checkReturnUrl(request.returnUrl, settings.returnUrlRules), result)

const tenantActor = (actor: Actor, request: Recognised | AuthorizationRequest): Actor => ({
  ...actor,
  tenantId: request.key.tenantId,
})
