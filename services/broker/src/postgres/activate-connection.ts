import type { ConnectionReason, ConnectionStatus } from '../domain/connection.js'
import type { Activation, ActivationTarget, ConnectionStore, ConsentOf } from '../flows/ports/connections.js'
import { consentPatienceMs, persist } from './commit-lane.js'
import type { Database } from './database.js'
import { prepareStatement } from './prepare-statement.js'
import { keyBindings, query } from './query.js'
import { toDate } from './view-columns.js'

// Owns how a consent changes its connection, first consents and later ones alike. Does not own what is judged before.

// A request ends once, and a disconnect ends those that began before it, also one whose code is being exchanged right now.
// A first consent fills a connection that waits for it; only a reconnect, asked for by a caller, wakes one that has ended.
// One that is to be completed is taken with its code and no other way, whatever the flows do (A5).
const mayEnd = `r.finished_at is null and c.status <> 'revoking' and (c.status = 'pending' or r.intent <> 'connect')
  and (c.disconnected_at is null or c.disconnected_at < r.created_at)
  and case when r.completion_challenge is null then :codeDigest::bytea is null
           else r.connect_code_digest = :codeDigest and r.connect_code_expires_at > now() end`

// Connection before request, as everywhere: two statements that lock both never wait for each other in a circle.
const heldBoth = (condition: string, ending: string): string => `
  held as (
    select c.tenant_id, c.id, r.finished_at is null as is_open from connections c
    join authorization_requests r on r.tenant_id = c.tenant_id and r.connection_id = c.id and r.id = :requestId
    where c.tenant_id = :tenantId and c.id = :connectionId and ${condition}
    for update of c, r
  ), finished as (
    update authorization_requests r set finished_at = coalesce(r.finished_at, now()), ${ending}
    from held where r.tenant_id = held.tenant_id and r.id = :requestId
  )`

const targetStatement = `
  select c.version, c.fence, c.status, coalesce(c.lease_until > now(), false) or c.attempt_state <> 'idle' as is_refreshing,
         c.account_issuer, c.account_subject, c.granted_to_client_id, c.granted_at_origin, c.sealed_credentials
  from connections c
  join authorization_requests r on r.tenant_id = c.tenant_id and r.connection_id = c.id and r.id = :requestId
  where c.tenant_id = :tenantId and c.id = :connectionId and ${mayEnd}`

type TargetColumns = {
  version: string
  fence: string
  status: ConnectionStatus
  is_refreshing: boolean
  account_issuer: string | null
  account_subject: string | null
  granted_to_client_id: string | null
  granted_at_origin: string | null
  sealed_credentials: Buffer | null
}

export function prepareTarget(database: Database): ConnectionStore['activationTarget'] {
  const find = prepareStatement<TargetColumns>(database, 'activation_target', targetStatement)
  return async ({ key, id, connectCodeDigest: codeDigest }) => {
    const [row] = await find(database.pool, { ...keyBindings(key), requestId: id, codeDigest })
    return row && toTarget(row)
  }
}

function toTarget(row: TargetColumns): ActivationTarget {
  const { account_issuer: issuer, account_subject: subject } = row
  return {
    version: Number(row.version),
    fence: Number(row.fence),
    status: row.status,
    isRefreshing: row.is_refreshing,
    account: issuer !== null && subject !== null ? { issuer, subject } : undefined,
    grantedToClientId: row.granted_to_client_id ?? undefined,
    grantedAtOrigin: row.granted_at_origin ?? undefined,
    sealedCredentials: row.sealed_credentials ?? undefined,
  }
}

const activateStatement = `
  with ${heldBoth(`c.version = :version and c.fence = :fence and ${mayEnd}`, 'sealed_captured = null, revoke_after = null, connect_code_digest = null')}, activated as (
    update connections c
    set status = 'active', reason = null, sealed_credentials = :sealed, version = c.version + 1, fence = c.fence + 1,
        credentials_fence = c.fence + 1, expires_at = :expiresAt, refresh_expires_at = :refreshExpiresAt,
        granted_scope = :grantedScope, requested_scopes = :requestedScopes, granted_at = now(), last_refreshed_at = null,
        lease_owner = null, lease_until = null, lease_incarnation = null, suspect_since = null, attempt_state = 'idle',
        attempt_started_at = null, attempt_fingerprint = null, backoff_until = null, fail_count = 0, last_error = null,
        variables = :variables::jsonb, account_issuer = :issuer, account_subject = :subject, account_label = :label,
        granted_to_client_id = :clientId, granted_at_origin = :origin, revocation_url = :revocationUrl, revocation = null,
        revoke_after = null, revoke_attempts = 0, next_refresh_at = null, updated_at = now()
    from held where c.tenant_id = held.tenant_id and c.id = held.id
    returning c.id
  )
  select exists (select 1 from activated)
      -- our own earlier try, whose outcome we never heard: nobody else has this very ciphertext
      or exists (select 1 from connections
                 where tenant_id = :tenantId and id = :connectionId and sealed_credentials = :sealed) as is_active`

/** An authorization code works once, so this is as stubborn as a capture. */
export function prepareActivation(database: Database): ConnectionStore['activate'] {
  const activate = prepareStatement<{ is_active: boolean }>(database, 'activate', activateStatement)
  return ({ key, id, connectCodeDigest: codeDigest }, target, result) =>
    persist(database, consentPatienceMs, async () => {
      const [row] = await activate(database.commitPool, {
        ...keyBindings(key),
        requestId: id,
        codeDigest,
        version: target.version,
        fence: target.fence,
        ...resultBindings(result),
      })
      return row?.is_active === true
    })
}

const resultBindings = (result: Activation) => ({
  sealed: result.sealed,
  expiresAt: toDate(result.expiresAtMs),
  refreshExpiresAt: toDate(result.refreshExpiresAtMs),
  grantedScope: result.grantedScope,
  requestedScopes: result.requestedScopes,
  variables: JSON.stringify(result.variables),
  issuer: result.account?.issuer,
  subject: result.account?.subject,
  label: result.account?.label,
  clientId: result.grantedToClientId,
  origin: result.grantedAtOrigin,
  revocationUrl: result.revocationUrl,
})

// A grant is live at the provider until it is revoked there; what a person typed in is nobody's but ours.
export const rejected = `connect_code_digest = null,
  sealed_captured = case when r.purpose = 'authorization' then r.sealed_captured end,
  revoke_after = case when r.purpose = 'authorization' and r.sealed_captured is not null then now() end`

const failStatement = `
  with ${heldBoth('true', rejected)}
  update connections c
  set status = 'failed', reason = :reason, sealed_credentials = null, expires_at = null, attempt_state = 'idle',
      updated_at = now()
  from held where c.tenant_id = held.tenant_id and c.id = held.id and held.is_open and c.status = 'pending'
  returning c.id`

/** Only a connection that never held anything fails with its consent; every other keeps what it has. */
export async function failConsent(
  { knex }: Database,
  { key, id }: ConsentOf,
  reason: ConnectionReason,
): Promise<boolean> {
  return (await query(knex, failStatement, { ...keyBindings(key), requestId: id, reason })).length === 1
}
