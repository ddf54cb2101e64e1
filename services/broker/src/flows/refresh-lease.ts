import { ServiceError } from '@dromos/contract'
import type { ConnectionReason } from '../domain/connection.js'
import type { OAuthCredentials } from '../domain/credentials.js'
import type { BrokerEvent } from '../domain/events.js'
import { type RefreshEffect, type RefreshEvent, refreshTimes } from '../domain/refresh-protocol.js'
import { openCredentials } from './open-credentials.js'
import type { LeaseRow } from './ports/refresh.js'
import {
  brokerEventOf,
  fenceOf,
  type OAuthClient,
  type RefreshAttempt,
  refreshedEvent,
  viewed,
} from './refresh-attempt.js'

/** Reads the row afresh, from the primary. Throws `connection_not_found`, `provider_not_found`. */
export async function viewRow(attempt: RefreshAttempt, looksAtOwner: boolean): Promise<RefreshEvent> {
  const row = await attempt.ports.leases.view(attempt.key, looksAtOwner)
  if (row === undefined) throw new ServiceError('connection_not_found', 'no such connection')
  return takeIn(attempt, row)
}

/** What a row means for the attempt, whoever read it. Throws `provider_not_found`, `integrity_error`. */
export async function takeIn(attempt: RefreshAttempt, row: LeaseRow): Promise<RefreshEvent> {
  const isKnown = attempt.row?.version === row.version // so are its credentials: what is stored anew has a new version
  // What an earlier lease of this attempt brought is over: it may have been overtaken.
  attempt.grant = attempt.orphan = attempt.stored = undefined
  attempt.row = row
  attempt.client = await findClient(attempt, row)
  attempt.held = row.status !== 'active' ? undefined : ((isKnown ? attempt.held : undefined) ?? openGrant(attempt, row))
  const expiresAtMs = attempt.held?.expiresAtMs
  const policy = attempt.client.provider.refreshPolicy
  return {
    type: 'viewed',
    view: {
      policy,
      isActive: row.status === 'active',
      version: row.version,
      remainingMs: expiresAtMs === undefined ? undefined : expiresAtMs - attempt.ports.now().getTime(),
      hasRefreshToken: attempt.held?.refreshToken !== undefined && policy.mode !== 'none',
      attempt: row.attempt,
      isLeased: row.isLeased,
      ownerGoneMs: row.ownerGoneMs,
      backoffMs: row.backoffMs,
    },
  }
}

// What is presented to the provider is never older than the row it is presented for.
async function findClient({ ports }: RefreshAttempt, row: LeaseRow): Promise<OAuthClient> {
  const found = await ports.providers.findRevision(row.providerId, row.providerRevision)
  if (found?.provider.kind !== 'oauth2')
    throw new ServiceError('provider_not_found', 'the provider of this connection no longer exists')
  return { provider: found.provider, secrets: found.secrets }
}

function openGrant(attempt: RefreshAttempt, row: LeaseRow): OAuthCredentials {
  const credentials = openCredentials(attempt.ports.vault, attempt.key, row)
  if (credentials.type === 'static') throw new ServiceError('static_token', 'static credentials cannot be refreshed')
  return credentials
}

export async function acquireLease(attempt: RefreshAttempt, takesOver: boolean): Promise<RefreshEvent> {
  const { row, held } = viewed(attempt)
  attempt.askedAtMs = performance.now()
  const lease = await attempt.ports.leases.acquire(attempt.key, {
    version: row.version,
    leaseMs: refreshTimes.leaseMs,
    takesOver,
    fingerprint: attempt.ports.vault.fingerprint(held.refreshToken ?? ''),
  })
  if (lease === undefined) return { type: 'refused' }
  attempt.lease = lease
  return { type: 'granted', lease }
}

export async function settleLease(
  attempt: RefreshAttempt,
  { reason, attempt: state, backoffMs }: RefreshEffect & { do: 'settle' },
): Promise<RefreshEvent> {
  const how = { reason, attempt: state, backoffMs }
  const event = settledEvent(attempt, reason)
  const outcome = await attempt.ports.leases.settle(attempt.key, fenceOf(attempt), how, event)
  if (outcome === 'fenced') return { type: 'fenced' }
  attempt.ports.announce(event)
  return { type: 'settled' }
}

function settledEvent(attempt: RefreshAttempt, reason: ConnectionReason | undefined): BrokerEvent {
  if (reason !== undefined) return brokerEventOf(attempt, 'token_refresh_fatal', { reason, error: attempt.lastError })
  return refreshedEvent(attempt, attempt.stored?.version ?? 0)
}

export async function releaseLease(
  attempt: RefreshAttempt,
  how: RefreshEffect & { do: 'release' },
): Promise<RefreshEvent> {
  const { attempt: state, backoffMs, countsAsFailure } = how
  const error = attempt.lastError
  await attempt.ports.leases.release(attempt.key, fenceOf(attempt), {
    attempt: state,
    backoffMs,
    error,
    countsAsFailure,
  })
  return { type: 'released' }
}
