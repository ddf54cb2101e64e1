import { ServiceError } from '@dromos/contract'
import type { ConnectionKey } from '../domain/connection.js'
import type { OAuthCredentials } from '../domain/credentials.js'
import type { Actor, BrokerEvent, EventType } from '../domain/events.js'
import type { ClientSecrets, OAuthProvider } from '../domain/provider.js'
import type { Lease } from '../domain/refresh-protocol.js'
import type { Grant } from './ports/oauth.js'
import type { Ports } from './ports/ports.js'
import type { LeaseRow, OpenedGrant } from './ports/refresh.js'

// Owns what one refresh attempt remembers between its effects (refresh-effects.ts). Does not own their order: that is
// domain/refresh-machine.ts.

export type AttemptPorts = Pick<
  Ports,
  'now' | 'sleep' | 'providers' | 'leases' | 'vault' | 'metadata' | 'tokenEndpoint' | 'idTokens' | 'report' | 'announce'
>

/** Our client at the provider: whom a refresh asks, and as whom. */
export type OAuthClient = { provider: OAuthProvider; secrets: ClientSecrets }

export type RefreshAttempt = {
  readonly ports: AttemptPorts
  readonly key: ConnectionKey
  readonly redirectUri: string
  readonly actor: Actor
  readonly startedAtMs: number
  /** The row as last viewed, the client that goes with it, and its credentials, opened. */
  row: LeaseRow | undefined
  client: OAuthClient | undefined
  held: OAuthCredentials | undefined
  /** Monotonic time before the lease was asked for: the pre-send check counts from here. */
  askedAtMs: number
  lease: Lease | undefined
  grant: Grant | undefined
  orphan: { fence: number; credentials: OAuthCredentials } | undefined
  stored: OpenedGrant | undefined
  /** Last error code seen, from a bounded alphabet; for the row and the audit. */
  lastError: string
}

/** The row as a caller has just read it, with its credentials opened. */
export type SeenGrant = { row: LeaseRow; credentials: OAuthCredentials }

export function createAttempt(
  ports: AttemptPorts,
  redirectUri: string,
  key: ConnectionKey,
  actor: Actor,
  seen: SeenGrant | undefined,
): RefreshAttempt {
  return {
    ports,
    key,
    redirectUri,
    actor,
    startedAtMs: performance.now(),
    row: seen?.row,
    client: undefined,
    held: seen?.credentials,
    askedAtMs: 0,
    lease: undefined,
    grant: undefined,
    orphan: undefined,
    stored: undefined,
    lastError: 'none',
  }
}

/** What the attempt ended with, after the machine ended `fresh`. Throws `provider_bad_response`. */
export function outcomeOf(attempt: RefreshAttempt): OpenedGrant {
  const { row, held } = viewed(attempt)
  if (attempt.grant !== undefined && attempt.grant.answer.accessToken === undefined)
    throw new ServiceError('provider_bad_response', 'the provider answered without an access token: try again', {
      retryAfterSeconds: 1,
    })
  return attempt.stored ?? { credentials: held, version: row.version }
}

/** What the last look found; the machine never asks for an effect that needs it before a view. */
export function viewed(attempt: RefreshAttempt): OAuthClient & { row: LeaseRow; held: OAuthCredentials } {
  const { row, client, held } = attempt
  if (row === undefined || client === undefined || held === undefined)
    throw new Error('refresh attempt: the row was not viewed')
  return { row, ...client, held }
}

/** The fence of the lease this attempt holds. */
export function fenceOf(attempt: RefreshAttempt): number {
  if (attempt.lease === undefined) throw new Error('refresh attempt: no lease is held')
  return attempt.lease.fence
}

export const brokerEventOf = (
  attempt: RefreshAttempt,
  type: EventType,
  data: Record<string, string | number>,
): BrokerEvent => ({
  type,
  actor: attempt.actor,
  connectionId: attempt.key.connectionId,
  data: { provider_id: viewed(attempt).row.providerId, ...data },
})

export const refreshedEvent = (attempt: RefreshAttempt, version: number): BrokerEvent => {
  const durationMs = Math.round(performance.now() - attempt.startedAtMs)
  return brokerEventOf(attempt, 'token_refreshed', { version, duration_ms: durationMs })
}

export const reportOf = (...event: Parameters<typeof brokerEventOf>): Promise<void> =>
  event[0].ports.report(brokerEventOf(...event))
