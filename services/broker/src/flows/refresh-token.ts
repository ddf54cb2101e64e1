import { ServiceError, type ErrorReason } from '@dromos/contract'
import { type ConnectionKey, refuseUnlessActive } from '../domain/connection.js'
import { needsRefresh } from '../domain/credentials.js'
import type { Actor } from '../domain/events.js'
import { startRefresh, step } from '../domain/refresh-machine.js'
import type { Demand, RefreshEvent, RefreshResult } from '../domain/refresh-protocol.js'
import type { OpenedGrant } from './ports/refresh.js'
import { type AttemptPorts, createAttempt, outcomeOf, type RefreshAttempt, type SeenGrant } from './refresh-attempt.js'
import { perform } from './refresh-effects.js'
import { takeIn } from './refresh-lease.js'

// Owns who refreshes: one flight per connection in this process, and draining. The protocol of a refresh is
// domain/refresh-machine.ts; its effects are performed by refresh-effects.ts.

export type Refresher = {
  /**
   * Credentials that meet the demand. Every caller of this process that asks for the same connection shares one flight; a
   * caller that goes away does not stop it, because a half-finished refresh could lose a rotated token. With `seen` a flight
   * begins without a look of its own: a row that has moved since refuses the lease, and then it looks.
   * Throws `attention_required`, `connection_not_active`, `no_refresh_token`, `provider_unavailable`,
   * `provider_rate_limited`, `provider_misconfigured`, `provider_bad_response`, `refresh_in_progress`, `shutting_down`.
   */
  refresh(key: ConnectionKey, demand: Demand, actor: Actor, seen?: SeenGrant): Promise<OpenedGrant>
  /** Takes no new flights and resolves when those in flight have ended. */
  drain(): Promise<void>
}

export function createRefresher(ports: AttemptPorts, settings: { redirectUri: string }): Refresher {
  const flights = new Map<string, Promise<OpenedGrant>>()
  let isDraining = false

  const fly = (key: ConnectionKey, demand: Demand, actor: Actor, seen?: SeenGrant): Promise<OpenedGrant> => {
    const name = `${key.tenantId}/${key.connectionId}`
    const attempt = createAttempt(ports, settings.redirectUri, key, actor, seen)
    const flight = run(attempt, demand).finally(() => flights.delete(name))
    flights.set(name, flight)
    return flight
  }

  return {
    async refresh(key, demand, actor, seen) {
      if (isDraining)
        throw new ServiceError('shutting_down', 'this replica is shutting down: try again', { retryAfterSeconds: 1 })
      const current = flights.get(`${key.tenantId}/${key.connectionId}`)
      if (current === undefined) return fly(key, demand, actor, seen)
      const shared = await current
      if (isMet(demand, shared, ports.now().getTime())) return shared
      return flights.get(`${key.tenantId}/${key.connectionId}`) ?? fly(key, demand, actor)
    },
    async drain() {
      isDraining = true
      await Promise.allSettled(flights.values())
    },
  }
}

const isMet = (demand: Demand, grant: OpenedGrant, nowMs: number): boolean =>
  demand.kind === 'newer_than'
    ? grant.version > demand.version
    : !needsRefresh(grant.credentials.expiresAtMs, nowMs, demand.minTtlMs)

async function run(attempt: RefreshAttempt, demand: Demand): Promise<OpenedGrant> {
  const first: RefreshEvent = attempt.row === undefined ? { type: 'started' } : await takeIn(attempt, attempt.row)
  let [state, effect] = step(startRefresh(demand), first)
  while (state.at !== 'ended') [state, effect] = step(state, await perform(attempt, effect))
  return conclude(attempt, state.result)
}

const sentences: Partial<Record<ErrorReason, string>> = {
  no_refresh_token: 'the provider issued no refresh token: a person has to connect again when the token ends',
  provider_unavailable: 'the provider did not answer: try again',
  provider_rate_limited: 'the provider asks us to slow down: try again later',
  provider_misconfigured: 'the provider refuses our client: an operator has to mend its profile',
  refresh_in_progress: 'another replica is still refreshing this connection: try again',
}

async function conclude(attempt: RefreshAttempt, result: RefreshResult): Promise<OpenedGrant> {
  const { ports, key, actor } = attempt
  switch (result.kind) {
    case 'fresh':
      return outcomeOf(attempt)
    case 'not_active': {
      const view = await ports.leases.view(key, false)
      if (view !== undefined) refuseUnlessActive(view)
      throw new ServiceError('connection_not_found', 'no such connection')
    }
    case 'failed': {
      const retryAfterSeconds = result.retryAfterMs === undefined ? undefined : Math.ceil(result.retryAfterMs / 1000)
      await ports.report({
        type: 'token_refresh_failed',
        actor,
        connectionId: key.connectionId,
        data: { reason: result.reason },
      })
      throw new ServiceError(
        result.reason,
        sentences[result.reason] ?? 'the refresh failed',
        retryAfterSeconds === undefined ? {} : { retryAfterSeconds },
      )
    }
  }
}
