import type { ConnectionReason, ConnectionStatus } from '../domain/connection.js'
import { toAuditEntry } from '../domain/events.js'
import type { SchedulePolicy } from '../domain/provider.js'
import type { Activation, ActivationTarget, ConnectionStore, ConsentOf } from '../flows/ports/connections.js'
import { consentPatienceMs, persist } from './commit-lane.js'
import { insertAuditRows, toAuditRow } from './audit-row.js'
import type { Database } from './database.js'
import { prepareWrite, toHex, toWanted, wantedKey, wantedRows } from './prepare-write.js'
import { prepareRead } from './prepared-read.js'
import { keyBindings, query } from './query.js'
import { toDate, toNextRefresh } from './view-columns.js'

// Owns how a consent changes its connection, first consents and later ones alike. Does not own what is judged before.

// A request ends once, and a disconnect ends those that began before it, also one whose code is being exchanged right now.
// A first consent fills a connection that waits for it; only a reconnect, asked for by a caller, wakes one that has ended.
// One that is to be completed is taken with its code and no other way, whatever the flows do (A5).
const mayEnd = (codeDigest: string): string => `
  r.finished_at is null and c.status <> 'revoking' and (c.status = 'pending' or r.intent <> 'connect')
  and (c.disconnected_at is null or c.disconnected_at < r.created_at)
  and case when r.completion_challenge is null then ${codeDigest} is null
           else r.connect_code_digest = ${codeDigest} and r.connect_code_expires_at > now() end`

const targetRead = `
  select c.version, c.fence, c.status, coalesce(c.lease_until > now(), false) or c.attempt_state <> 'idle' as is_refreshing,
         c.account_issuer, c.account_subject, c.granted_to_client_id, c.granted_at_origin, c.sealed_credentials,
         c.refresh_schedule, c.last_used_at
  from connections c
  join authorization_requests r on r.tenant_id = c.tenant_id and r.connection_id = c.id and r.id = $3
  where c.tenant_id = $1 and c.id = $2 and ${mayEnd("decode(nullif($4, ''), 'hex')")}`

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
  refresh_schedule: SchedulePolicy | null
  last_used_at: Date | null
}

export function prepareTarget(database: Database): ConnectionStore['activationTarget'] {
  const find = prepareRead<TargetColumns>(database, 'activation_target', targetRead)
  return async ({ key, id, connectCodeDigest }) => {
    const row = await find(key.tenantId, key.connectionId, id, connectCodeDigest?.toString('hex') ?? '')
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
    schedule: row.refresh_schedule ?? undefined,
    lastUsedAtMs: row.last_used_at?.getTime(),
  }
}

const activationColumns = `${wantedKey}, code_digest bytea, version bigint, fence bigint, sealed bytea,
  expires_at timestamptz, refresh_expires_at timestamptz, granted_scope text, requested_scopes text[], variables jsonb,
  issuer text, subject text, label text, client_id text, origin text, revocation_url text, schedule text,
  last_used_at timestamptz, next_refresh_at timestamptz, audit jsonb`

// Whoever was used, or got another policy, since somebody looked is planned anew by the scheduler.
// Connection before request, as everywhere: two statements that lock both never wait for each other in a circle.
const activateStatement = `
  with wanted as (
    select w.* from ${wantedRows} as w (${activationColumns})
  ), held as (
    select w.* from wanted w
    cross join lateral (
      select 1 from connections c
      join authorization_requests r on r.tenant_id = c.tenant_id and r.connection_id = c.id and r.id = w.request_id
      where c.tenant_id = w.tenant_id and c.id = w.connection_id and c.version = w.version and c.fence = w.fence
        and ${mayEnd('w.code_digest')}
      for update of c, r
    ) as both_rows
  ), finished as (
    update authorization_requests r
    set finished_at = now(), sealed_captured = null, revoke_after = null, connect_code_digest = null
    from held where r.tenant_id = held.tenant_id and r.id = held.request_id
  ), activated as (
    update connections c
    set status = 'active', reason = null, sealed_credentials = held.sealed, version = c.version + 1, fence = c.fence + 1,
        credentials_fence = c.fence + 1, expires_at = held.expires_at, refresh_expires_at = held.refresh_expires_at,
        granted_scope = held.granted_scope, requested_scopes = held.requested_scopes, granted_at = now(),
        last_refreshed_at = null, lease_owner = null, lease_until = null, lease_incarnation = null, suspect_since = null,
        attempt_state = 'idle', attempt_started_at = null, attempt_fingerprint = null, backoff_until = null, fail_count = 0,
        last_error = null, variables = held.variables, account_issuer = held.issuer, account_subject = held.subject,
        account_label = held.label, granted_to_client_id = held.client_id, granted_at_origin = held.origin,
        revocation_url = held.revocation_url, revocation = null, revoke_after = null, revoke_attempts = 0,
        next_refresh_at = case when c.refresh_schedule is not distinct from held.schedule
          and date_trunc('milliseconds', c.last_used_at) is not distinct from held.last_used_at then held.next_refresh_at end,
        updated_at = now()
    from held where c.tenant_id = held.tenant_id and c.id = held.connection_id
    returning c.tenant_id, c.id
  ), audit as (${insertAuditRows('held.audit', 'held')}
  )
  select w.position, exists (select 1 from activated a where a.tenant_id = w.tenant_id and a.id = w.connection_id)
      -- our own earlier try, whose outcome we never heard: nobody else has this very ciphertext
      or exists (select 1 from connections c
                 where c.tenant_id = w.tenant_id and c.id = w.connection_id and c.sealed_credentials = w.sealed) as is_active
  from wanted w`

/** An authorization code works once, so this is as stubborn as a capture. */
export function prepareActivation(database: Database, now: () => Date): ConnectionStore['activate'] {
  const activate = prepareWrite<{ is_active: boolean }>(database, 'activate', activateStatement, {
    on: database.commitPool,
    atOnce: 1,
  })
  return (consent, target, result, events) =>
    persist(database, consentPatienceMs, async () => {
      const row = await activate({
        code_digest: consent.connectCodeDigest && toHex(consent.connectCodeDigest),
        version: target.version,
        fence: target.fence,
        last_used_at: toDate(target.lastUsedAtMs),
        audit: events.map((event) => toAuditRow(toAuditEntry(event), now())),
        ...toColumns(result),
        ...toWanted(consent),
      })
      return row?.is_active === true
    })
}

const toColumns = (result: Activation) => ({
  sealed: toHex(result.sealed),
  expires_at: toDate(result.expiresAtMs),
  refresh_expires_at: toDate(result.refreshExpiresAtMs),
  granted_scope: result.grantedScope,
  requested_scopes: result.requestedScopes,
  variables: result.variables,
  issuer: result.account?.issuer,
  subject: result.account?.subject,
  label: result.account?.label,
  client_id: result.grantedToClientId,
  origin: result.grantedAtOrigin,
  revocation_url: result.revocationUrl,
  schedule: result.nextRefresh?.schedule,
  next_refresh_at: toNextRefresh(result),
})

// A grant is live at the provider until it is revoked there; what a person typed in is nobody's but ours.
export const rejected = `connect_code_digest = null,
  sealed_captured = case when r.purpose = 'authorization' then r.sealed_captured end,
  revoke_after = case when r.purpose = 'authorization' and r.sealed_captured is not null then now() end`

const failStatement = `
  with held as (
    select c.tenant_id, c.id, r.finished_at is null as is_open from connections c
    join authorization_requests r on r.tenant_id = c.tenant_id and r.connection_id = c.id and r.id = :requestId
    where c.tenant_id = :tenantId and c.id = :connectionId
    for update of c, r
  ), finished as (
    update authorization_requests r set finished_at = coalesce(r.finished_at, now()), ${rejected}
    from held where r.tenant_id = held.tenant_id and r.id = :requestId
  )
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
