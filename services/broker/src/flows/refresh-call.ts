import type { Endpoints } from '../domain/provider.js'
import { redirectUriOf } from '../domain/redirect-uri.js'
import { type RefreshEvent, refreshTimes } from '../domain/refresh-protocol.js'
import { classifyRefusal, type TokenCall, type TokenRefusal } from '../domain/token-refusal.js'
import { originsOf } from './granted-at.js'
import type { Grant } from './ports/oauth.js'
import { type RefreshAttempt, reportOf, viewed } from './refresh-attempt.js'
import { isSound } from './refresh-judge.js'

/** Presents the held refresh token once, at the place that issued it. */
export async function callProvider(attempt: RefreshAttempt): Promise<RefreshEvent> {
  const { row, held, provider, secrets } = viewed(attempt)
  const endpoints = await reachableEndpoints(attempt)
  if (endpoints === undefined) return notSent(attempt, 'metadata_unavailable')
  const isAsGranted = row.grantedToClientId === provider.clientId && row.grantedAtOrigin === originsOf(endpoints)
  if (!isAsGranted) return { type: 'judged', fault: 'provider_changed' }
  const result = await attempt.ports.tokenEndpoint.refresh(provider, secrets, {
    endpoints,
    redirectUri: redirectUriOf(provider, attempt.redirectUri),
    refreshToken: held.refreshToken ?? '',
    scopes: held.scope?.split(/[\s,]+/) ?? [],
    // A process that was frozen since it took the lease must not present a token that somebody else has used by now.
    dpopKey: held.dpopKey,
    mayStillSend: () => performance.now() - attempt.askedAtMs < refreshTimes.leaseMs - refreshTimes.callDeadlineMs,
  })
  return eventOf(attempt, result)
}

async function reachableEndpoints(attempt: RefreshAttempt): Promise<Endpoints | undefined> {
  const { row, provider } = viewed(attempt)
  try {
    return await attempt.ports.metadata.endpoints(provider, row.variables)
  } catch {
    return undefined
  }
}

async function eventOf(attempt: RefreshAttempt, result: TokenCall<Grant>): Promise<RefreshEvent> {
  switch (result.kind) {
    case 'answer': {
      const { accessToken, refreshToken } = result.answer.answer
      if (accessToken === undefined && refreshToken === undefined) return doubtful(attempt, 'empty_answer')
      attempt.grant = result.answer
      return { type: 'answered', isSound: isSound(attempt) }
    }
    case 'unsent':
      return notSent(attempt, result.why, result.retryAfterMs)
    case 'in_doubt':
      return doubtful(attempt, result.why)
    case 'refusal':
      return declined(attempt, result.refusal)
  }
}

async function declined(attempt: RefreshAttempt, refusal: TokenRefusal): Promise<RefreshEvent> {
  const refusalClass = classifyRefusal(refusal, viewed(attempt).provider.deadGrantErrors)
  attempt.lastError = refusal.error ?? `http_${refusal.httpStatus}`
  if (refusalClass === 'our_client') await reportOf(attempt, 'provider_incident', { error: attempt.lastError })
  const retryAfterMs = refusal.retryAfterSeconds === undefined ? undefined : refusal.retryAfterSeconds * 1000
  return { type: 'declined', refusal: refusalClass, retryAfterMs }
}

function notSent(attempt: RefreshAttempt, why: string, retryAfterMs?: number): RefreshEvent {
  attempt.lastError = why.slice(0, 64)
  return retryAfterMs === undefined ? { type: 'not_sent' } : { type: 'not_sent', retryAfterMs }
}

function doubtful(attempt: RefreshAttempt, why: string): RefreshEvent {
  attempt.lastError = why.slice(0, 64)
  return { type: 'doubtful' }
}
