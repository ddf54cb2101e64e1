import { ServiceError, type TokenPayload } from '@dromos/contract'
import type { Caller } from '../domain/caller.js'
import { type ConnectionKey, refuseUnlessActive } from '../domain/connection.js'
import { type Credentials, needsRefresh, type OAuthCredentials } from '../domain/credentials.js'
import type { Actor } from '../domain/events.js'
import { isConnectionId } from '../domain/ids.js'
import type { Demand } from '../domain/refresh-protocol.js'
import { toTokenPayload } from '../domain/token-payload.js'
import type { CredentialsRow } from './ports/connections.js'
import type { Ports } from './ports/ports.js'
import { openCredentials } from './open-credentials.js'
import type { SeenGrant } from './refresh-attempt.js'
import type { Refresher } from './refresh-token.js'

type ReadPorts = Pick<Ports, 'now' | 'connections' | 'vault' | 'report' | 'usage'> & { refresher: Refresher }

/**
 * The hot path: one indexed SELECT, one decryption. Refreshes first only when the access token is about to end.
 * Throws `connection_not_found` (unknown and foreign ids alike), `connection_not_active`, `attention_required`,
 * `integrity_error`, and what a refresh throws when the held token has really ended.
 */
export async function readToken(
  ports: ReadPorts,
  caller: Caller,
  actor: Actor,
  connectionId: string,
  options: { minTtlMs: number },
): Promise<TokenPayload> {
  const { key, row } = await findActive(ports, caller, actor, connectionId)
  const nowMs = ports.now().getTime()
  const held = openCredentials(ports.vault, key, row)
  const isFresh =
    held.type === 'static' || (row.attempt !== 'captured' && !needsRefresh(held.expiresAtMs, nowMs, options.minTtlMs))
  ports.usage.note(key)
  const read = isFresh
    ? { credentials: held, version: row.version }
    : await refreshed(ports, key, actor, row, held, options.minTtlMs)
  await ports.report({
    type: 'token_retrieved',
    actor,
    connectionId,
    data: {
      provider_id: row.providerId,
      has_id_token: read.credentials.type === 'oauth2' && read.credentials.idToken !== undefined,
    },
  })
  return payload(ports, caller, row, read)
}

/**
 * A forced refresh: the answer is newer than `ifVersion`, or than what was held when the request came in. Callers that report
 * the same failure together cause one call of the provider. Throws `static_token`, `no_refresh_token` and as `readToken`.
 */
export async function refreshNow(
  ports: ReadPorts,
  caller: Caller,
  actor: Actor,
  connectionId: string,
  options: { ifVersion: number | undefined },
): Promise<TokenPayload> {
  const { key, row } = await findActive(ports, caller, actor, connectionId)
  const held = openCredentials(ports.vault, key, row)
  if (held.type === 'static')
    throw new ServiceError('static_token', 'static credentials do not expire and cannot be refreshed')
  const demand: Demand = { kind: 'newer_than', version: options.ifVersion ?? row.version }
  return payload(ports, caller, row, await ports.refresher.refresh(key, demand, actor, seenGrant(row, held)))
}

const seenGrant = (row: CredentialsRow, credentials: OAuthCredentials): SeenGrant | undefined =>
  row.leaseRow && { row: row.leaseRow, credentials }

async function findActive(
  ports: ReadPorts,
  caller: Caller,
  actor: Actor,
  connectionId: string,
): Promise<{ key: ConnectionKey; row: CredentialsRow }> {
  if (!isConnectionId(connectionId)) throw new ServiceError('invalid_connection_id', 'not a connection id')
  const key = { tenantId: caller.tenantId, connectionId }
  const row = await ports.connections.readCredentials(key)
  const refusal = refusalOf(row)
  if (row !== undefined && refusal === undefined) return { key, row }
  const type = row === undefined ? 'connection_not_found' : 'token_retrieval_failed'
  await ports.report({ type, actor, connectionId, data: row === undefined ? {} : { status: row.status } })
  throw refusal ?? new ServiceError('connection_not_found', 'no such connection')
}

function refusalOf(row: CredentialsRow | undefined): ServiceError | undefined {
  if (row === undefined) return undefined
  try {
    refuseUnlessActive(row)
  } catch (error) {
    if (error instanceof ServiceError) return error
    throw error
  }
  if (row.isProviderDeleted)
    return new ServiceError('connection_not_active', 'the provider of this connection was deleted', {
      extras: { connection_status: 'failed', connection_reason: 'provider_deleted' },
    })
  return undefined
}

async function refreshed(
  ports: ReadPorts,
  key: ConnectionKey,
  actor: Actor,
  row: CredentialsRow,
  held: OAuthCredentials,
  minTtlMs: number,
): Promise<{ credentials: Credentials; version: number }> {
  const canRefresh = held.refreshToken !== undefined || row.attempt === 'captured'
  if (!canRefresh) return { credentials: held, version: row.version } // served with `expired: true` once its time is over
  try {
    return await ports.refresher.refresh(key, { kind: 'fresh', minTtlMs }, actor, seenGrant(row, held))
  } catch (error) {
    // A provider that is unwell takes nothing away: the held token is served until its own end.
    const isTransient = error instanceof ServiceError && transient.has(error.reason)
    const stillLives = row.attempt !== 'captured' && !needsRefresh(held.expiresAtMs, ports.now().getTime(), 0)
    if (isTransient && stillLives) return { credentials: held, version: row.version }
    throw error
  }
}

const transient = new Set<string>([
  'provider_unavailable',
  'provider_rate_limited',
  'provider_misconfigured',
  'provider_bad_response',
  'refresh_in_progress',
])

const payload = (
  ports: ReadPorts,
  caller: Caller,
  row: CredentialsRow,
  read: { credentials: Credentials; version: number },
): TokenPayload =>
  toTokenPayload(read.credentials, {
    providerName: row.providerName,
    strategy: row.strategy,
    version: read.version,
    nowMs: ports.now().getTime(),
    mayReadRefreshTokens: caller.mayReadRefreshTokens,
  })
