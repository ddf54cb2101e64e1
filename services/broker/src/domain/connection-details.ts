import type { ConnectionItem } from '@dromos/contract'
import { type Account, type ConnectionView, describeConnection } from './connection.js'
import type { SchedulePolicy } from './provider.js'
import { missingScopes } from './scopes.js'

// Owns what may be told about a connection, and the forecast of its end. Never a token.

export const listedStatuses = ['pending', 'expired', 'active', 'attention', 'failed', 'revoking', 'revoked'] as const

/** A status as callers see it: `expired` is a pending connection whose consent ran out of time. */
export type ListedStatus = (typeof listedStatuses)[number]

export type ConnectionDetails = ConnectionView & {
  id: string
  userId: string
  provider: { id: string; name: string; authType: string; isDeleted: boolean }
  requestedScopes: readonly string[]
  grantedScope: string | undefined
  account: Account | undefined
  variables: Readonly<Record<string, string>>
  createdAt: Date
  /** When the present grant was made. */
  grantedAt: Date | undefined
  expiresAt: Date | undefined
  /** What the provider said about the refresh token's end. */
  refreshExpiresAt: Date | undefined
  idleLimitSeconds: number | undefined
  absoluteLimitSeconds: number | undefined
  lastRefreshedAt: Date | undefined
  /** A code of a bounded alphabet. */
  lastError: string | undefined
  version: number
  /** Its own policy; undefined = the provider's. */
  refreshSchedule: SchedulePolicy | undefined
  revocation: string | undefined
  /** Of the latest consent. */
  returnUrl: string | undefined
}

/**
 * When a person will have to connect again unless the grant is used before: the earliest of what the provider said, its
 * idle limit since the last use and its absolute limit since the grant. undefined = nothing is known, or not active.
 */
export function forecastEnd(details: ConnectionDetails): Date | undefined {
  if (details.status !== 'active') return undefined
  const grantedMs = details.grantedAt?.getTime()
  const usedMs = details.lastRefreshedAt?.getTime() ?? grantedMs
  const ends = [
    details.refreshExpiresAt?.getTime(),
    limitEnd(usedMs, details.idleLimitSeconds),
    limitEnd(grantedMs, details.absoluteLimitSeconds),
  ].filter((end) => end !== undefined)
  return ends.length === 0 ? undefined : new Date(Math.min(...ends))
}

const limitEnd = (fromMs: number | undefined, limitSeconds: number | undefined): number | undefined =>
  fromMs === undefined || limitSeconds === undefined ? undefined : fromMs + limitSeconds * 1000

/** The item of the v1 API. */
export function toConnectionItem(details: ConnectionDetails): ConnectionItem {
  const { provider, account, grantedScope } = details
  const isOver = details.provider.isDeleted && details.status === 'active'
  const { status, detail } = isOver
    ? { status: 'failed', detail: 'the provider of this connection was deleted: nothing can be read any more' }
    : describeConnection(details)
  return {
    connection_id: details.id,
    status,
    reason: isOver ? 'provider_deleted' : (details.reason ?? null),
    detail,
    user_id: details.userId,
    provider: { id: provider.id, name: provider.name, auth_type: provider.authType },
    requested_scopes: [...details.requestedScopes],
    granted_scopes: grantedScope === undefined ? null : grantedScope.split(/[\s,]+/).filter((scope) => scope !== ''),
    missing_scopes: missingScopes(details.requestedScopes, grantedScope),
    account: account === undefined ? null : { ...account, label: account.label ?? null },
    created_at: details.createdAt.toISOString(),
    granted_at: timeOf(details.grantedAt),
    expires_at: timeOf(details.expiresAt),
    refresh_expires_at: timeOf(forecastEnd(details)),
    last_refreshed_at: timeOf(details.lastRefreshedAt),
    last_error: details.lastError ?? null,
    token_version: details.version,
    refresh_schedule: details.refreshSchedule ?? null,
    revocation: details.revocation ?? null,
  }
}

const timeOf = (date: Date | undefined): string | null => date?.toISOString() ?? null

/** True when nothing but a person can make the connection usable. */
export const needsPerson = ({ status }: Pick<ConnectionView, 'status'>): boolean =>
  status === 'attention' || status === 'failed' || status === 'revoked' || status === 'pending'
