import { admit, afterCall, type Breaker, closedBreaker } from '../domain/breaker.js'
import type { Incident } from '../domain/incident.js'
import type { OAuthProvider } from '../domain/provider.js'
import { classifyRefusal, type TokenCall } from '../domain/token-refusal.js'
import type { Grant, TokenEndpoint } from '../flows/ports/oauth.js'
import { type CallLane, createCallLane } from './call-lane.js'

// Owns what stands between this process and a provider's token endpoint: a breaker, a cap and a rate for each client at each
// provider, on behalf of callers and the scheduler alike. Does not own the call: token-endpoint.ts.

export type GuardOptions = {
  now(): Date
  sleep(ms: number): Promise<void>
  concurrency: number
  ratePerSecond: number
  onBreaker(change: { providerId: string; isOpen: boolean }): void
}

export type GuardedTokenEndpoint = TokenEndpoint & {
  /** What keeps a provider from being used now, as this process saw it; oldest first. */
  incidents(): readonly Incident[]
}

/** A lease is held meanwhile: the wait and a whole call must fit into it. */
const patienceMs = 3_000
const busyRetryMs = 1_000

type Guarded = {
  readonly providerId: string
  readonly lane: CallLane
  breaker: Breaker
  /** The provider refuses our client. */
  refusal: { error: string; sinceMs: number } | undefined
}

/**
 * Guards refreshes. Code exchanges pass: a person is waiting, and a code works once. What is held back is answered `unsent`
 * with the time after which to try again.
 */
export function guardTokenEndpoint(endpoint: TokenEndpoint, options: GuardOptions): GuardedTokenEndpoint {
  const clients = new Map<string, Guarded>()

  const guardOf = (provider: OAuthProvider): Guarded => {
    const name = `${provider.identity.id} ${provider.clientId}`
    const known = clients.get(name)
    if (known !== undefined) return known
    const fresh = {
      providerId: provider.identity.id,
      lane: createCallLane(options),
      breaker: closedBreaker,
      refusal: undefined,
    }
    clients.set(name, fresh)
    return fresh
  }

  const keep = (guarded: Guarded, breaker: Breaker): void => {
    const wasOpen = guarded.breaker.open !== undefined
    guarded.breaker = breaker
    const isOpen = breaker.open !== undefined
    if (wasOpen !== isOpen) options.onBreaker({ providerId: guarded.providerId, isOpen })
  }

  return {
    exchange: (provider, secrets, request) => endpoint.exchange(provider, secrets, request),

    async refresh(provider, secrets, request) {
      const guarded = guardOf(provider)
      if (!(await guarded.lane.enter(patienceMs)))
        return { kind: 'unsent', why: 'provider_busy', retryAfterMs: busyRetryMs }
      try {
        const admission = admit(guarded.breaker, options.now().getTime())
        if (admission.kind === 'refused')
          return { kind: 'unsent', why: 'breaker_open', retryAfterMs: admission.retryAfterMs }
        if (admission.kind === 'probe') guarded.breaker = admission.breaker
        const call = await endpoint.refresh(provider, secrets, request)
        const nowMs = options.now().getTime()
        noteRefusal(guarded, provider, call, nowMs)
        if (saysSomething(call))
          keep(
            guarded,
            afterCall(guarded.breaker, nowMs, {
              isProbe: admission.kind === 'probe',
              failed: hasFailed(provider, call),
            }),
          )
        return call
      } finally {
        guarded.lane.leave()
      }
    },

    incidents: () => [...clients.values()].flatMap(incidentsOf).sort((one, other) => one.sinceMs - other.sinceMs),
  }
}

type Call = TokenCall<Grant>

// What never left because we were late, or could not be built, says nothing about the provider.
const ourOwnCauses = new Set(['too_late', 'no_client_secret', 'request_not_built', 'address_refused'])
const saysSomething = (call: Call): boolean => call.kind !== 'unsent' || !ourOwnCauses.has(call.why)

/** A dead grant is the answer of a provider that is well. */
function hasFailed(provider: OAuthProvider, call: Call): boolean {
  if (call.kind !== 'refusal') return call.kind !== 'answer'
  return classifyRefusal(call.refusal, provider.deadGrantErrors) !== 'dead_grant'
}

function noteRefusal(guarded: Guarded, provider: OAuthProvider, call: Call, nowMs: number): void {
  if (call.kind === 'unsent' || call.kind === 'in_doubt') return
  const isRefused = call.kind === 'refusal' && classifyRefusal(call.refusal, provider.deadGrantErrors) === 'our_client'
  const error = isRefused ? (call.refusal.error ?? `http_${call.refusal.httpStatus}`) : undefined
  if (error === undefined) guarded.refusal = undefined
  else if (guarded.refusal?.error !== error) guarded.refusal = { error, sinceMs: nowMs }
}

function incidentsOf({ providerId, breaker, refusal }: Guarded): Incident[] {
  const opened = breaker.open && { providerId, error: 'breaker_open', sinceMs: breaker.open.sinceMs }
  return [...(refusal ? [{ providerId, ...refusal }] : []), ...(opened ? [opened] : [])]
}
