import { consentLimits, ServiceError } from '@dromos/contract'
import { checkCredentials, RefusedFields } from '../domain/credential-schema.js'
import type { StaticCredentials } from '../domain/credentials.js'
import type { Actor, BrokerEvent } from '../domain/events.js'
import { checkReturnUrl, withResult } from '../domain/return-url.js'
import { applyStrategy } from '../domain/strategy.js'
import { captureGrant } from './captured-grant.js'
import { ConsentFailure } from './consent-failure.js'
import type { OpenCapture } from './describe-capture.js'
import { settleGrant, type Settled } from './hold-grant.js'
import type { Ports } from './ports/ports.js'
import type { ConsentSettings } from './open-consent.js'

export type CapturePorts = Pick<
  Ports,
  'now' | 'authorizationRequests' | 'completions' | 'connections' | 'vault' | 'credentialCheck' | 'report' | 'announce'
> & { attempts: AttemptLimit }

/** Counts how often credentials of one request were shown to its provider. */
export type AttemptLimit = {
  /** Counts one attempt; false when there were too many. */
  take(requestId: string): boolean
}

const requestsRemembered = 10_000

/** In memory, so each replica counts its own: the provider's form must not become a place to try stolen keys in bulk. */
export function createAttemptLimit(): AttemptLimit {
  const counts = new Map<string, number>()
  return {
    take(requestId) {
      const count = (counts.get(requestId) ?? 0) + 1
      counts.delete(requestId)
      counts.set(requestId, count)
      const [oldest] = counts.keys()
      if (counts.size > requestsRemembered && oldest !== undefined) counts.delete(oldest)
      return count <= consentLimits.attemptsPerLink
    },
  }
}

/**
 * Takes the credentials of a pending connection and answers the URL to send the browser to. Until the claim nothing is
 * changed and the person may try again; after it the connection becomes active or failed, once. Never overwrites.
 * Throws `invalid_credentials` (`RefusedFields`), `rate_limited`, `provider_unavailable`, `return_url_not_allowed`,
 * `consent_already_used`, `consent_expired`.
 */
export async function captureCredentials(
  ports: CapturePorts,
  settings: Pick<ConsentSettings, 'returnUrlRules'>,
  capture: OpenCapture,
  submitted: unknown,
  actor: Actor,
): Promise<string> {
  const { request, provider } = capture
  const { connectionId } = request.key
  const event = { actor: { ...actor, tenantId: request.key.tenantId }, connectionId }
  const reject = (reason: string) =>
    ports.report({ ...event, type: 'credentials.rejected', data: { provider_id: provider.identity.id, reason } })

  // 1 where to go afterwards: the allowlist may have changed since the request was made (A28)
  const returnUrl = checkReturnUrl(request.returnUrl, settings.returnUrlRules)
  // 2 what the schema and the strategy accept
  const values = await accepted(() => checkCredentials(provider, submitted), reject)
  // 3 what the provider accepts
  if (provider.verificationUrl !== undefined) await verify(ports, capture, values, reject)
  // 4 the one claim
  await claim(ports, capture)
  let settled: Settled
  try {
    // 5 seal, store, activate or hold
    const credentials: StaticCredentials = { type: 'static', values }
    await captureGrant(ports, request, credentials)
    const isVerified = provider.verificationUrl !== undefined && applyStrategy(provider.strategy, values) !== undefined
    const data = { provider_id: provider.identity.id, is_verified: isVerified }
    const captured: BrokerEvent = { ...event, type: 'credentials.captured', data }
    settled = await settleGrant(ports, request, { provider, credentials, account: undefined, event: captured })
  } catch (error) {
    if (error instanceof ConsentFailure)
      throw new ServiceError('consent_already_used', 'this connection is not waiting for credentials')
    // The person can do nothing about it and the claim is spent: the application hears of it and starts anew. When even
    // this cannot be written, the pending connection ends by time.
    await ports.connections.fail(request, 'provider_error').catch(() => false)
    await ports.report({ ...event, type: 'token_storage_failed', data: { provider_id: provider.identity.id } })
    return withResult(returnUrl, { status: 'error', connection_id: connectionId, error: 'provider_error' })
  }
  // 6 redirect
  return withResult(returnUrl, { connection_id: connectionId, provider: provider.identity.name, ...settled })
}

type Reject = (reason: 'schema' | 'provider' | 'too_many_attempts') => Promise<void>

async function accepted<Values>(check: () => Values, reject: Reject): Promise<Values> {
  try {
    return check()
  } catch (error) {
    if (error instanceof RefusedFields) await reject('schema')
    throw error
  }
}

async function verify(
  ports: Pick<CapturePorts, 'attempts' | 'credentialCheck'>,
  { request, provider }: OpenCapture,
  values: Readonly<Record<string, unknown>>,
  reject: Reject,
): Promise<void> {
  if (!ports.attempts.take(request.id)) {
    await reject('too_many_attempts')
    throw new ServiceError('rate_limited', 'too many attempts with this link: start a new connection')
  }
  if (await ports.credentialCheck.accepts(provider, values)) return
  await reject('provider')
  throw new RefusedFields([{ field: undefined, message: 'were not accepted by the provider' }])
}

async function claim(ports: Pick<Ports, 'authorizationRequests'>, { request }: OpenCapture): Promise<void> {
  const claimed = await ports.authorizationRequests.claim(request)
  if (claimed.kind === 'used')
    throw new ServiceError('consent_already_used', 'credentials were already captured: start a new connection')
  if (claimed.kind === 'expired')
    throw new ServiceError('consent_expired', 'the time for this capture is over: start a new connection')
}
