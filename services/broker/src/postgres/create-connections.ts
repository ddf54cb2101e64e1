import { toAuditEntry } from '../domain/events.js'
import type { ConnectionStore, NewAuthorizationRequest, NewConnection } from '../flows/ports/connections.js'
import type { Vault } from '../flows/ports/vault.js'
import { insertAuditRows, toAuditRow } from './audit-row.js'
import type { Database } from './database.js'
import { sealFlowSecrets } from './flow-secrets.js'
import { type AdmissionColumns, toAdmission } from './insert-request.js'
import { rememberOpenConsents } from './open-consents.js'
import { prepareWrite, toHex, type Wanted, wantedKey, wantedRows } from './prepare-write.js'

// Owns how new connections are stored: those of one moment in one statement, so one commit. Does not own consents of
// connections that exist: insert-request.ts.

const wantedColumns = `${wantedKey}, provider_id uuid, workspace_id text,
  created_by text, requested_scopes text[], purpose text, intent text, allows_account_change boolean, binding text,
  scopes text[], return_url text, completion_challenge text, variables jsonb, snapshot jsonb, sealed_secrets bytea,
  lifetime_seconds float8, open_at_most bigint, audit jsonb`

// A tenant's open consents are counted once for all that come together, at most as far as the limit and along their own index;
// without a limit not at all. The statement of another process is not seen: the limit may be passed by what two processes store
// in the same moment.
const createStatement = `
  with wanted as (
    select w.*, t.requires_completion and w.completion_challenge is null as lacks_challenge
    from ${wantedRows} as w (${wantedColumns})
    join tenants t on t.id = w.tenant_id
  ), busy as materialized (
    select w.tenant_id, case when w.open_at_most is not null then
             (select count(*) from (select 1 from authorization_requests r
                where r.tenant_id = w.tenant_id and r.claimed_at is null and r.expires_at > now() limit w.open_at_most) o) end as open
    from (select tenant_id, max(open_at_most) as open_at_most from wanted group by tenant_id) w
  ), judged as (
    select *, coalesce(open <= open_at_most, true) as has_room
    from (select wanted.*, busy.open + count(*) filter (where not lacks_challenge) over (partition by tenant_id order by position)
                           as open
          from wanted join busy using (tenant_id)) w
  ), admitted as (
    select *, now() + make_interval(secs => lifetime_seconds) as ends_at from judged where has_room and not lacks_challenge
  ), connection as (
    insert into connections
      (tenant_id, id, workspace_id, provider_id, created_by, requested_scopes, consent_expires_at, variables)
    select tenant_id, connection_id, workspace_id, provider_id, created_by, requested_scopes, ends_at, coalesce(variables, '{}')
    from admitted
  ), request as (
    insert into authorization_requests
      (tenant_id, id, connection_id, provider_id, workspace_id, purpose, intent, allows_account_change, binding, scopes,
       return_url, completion_challenge, variables, snapshot, sealed_secrets, expires_at)
    select tenant_id, request_id, connection_id, provider_id, workspace_id, purpose, intent, allows_account_change, binding,
           scopes, return_url, completion_challenge, variables, snapshot, sealed_secrets, ends_at
    from admitted
  ), audit as (${insertAuditRows('admitted.audit', 'admitted')}
  )
  select position, open::int as open, lacks_challenge, has_room, has_room and not lacks_challenge as is_stored,
         case when not has_room then
           (select extract(epoch from min(r.expires_at) - now())::float8 from authorization_requests r
            where r.tenant_id = judged.tenant_id and r.claimed_at is null and r.expires_at > now()) end as room_in_seconds
  from judged`

type CreatedColumns = AdmissionColumns & { open: number | null }

/** Stores a pending connection together with its first authorization request and its audit row, all or nothing. */
export function createConnections(database: Database, vault: Vault, now: () => Date): ConnectionStore['create'] {
  const prepare = (how: { atOnce: number; atMost?: number }) =>
    prepareWrite<CreatedColumns>(database, 'connection_create', createStatement, { on: database.pool, ...how })
  // One at a time: so a process counts what it stored before.
  const createCounted = prepare({ atOnce: 1 })
  // Few to a statement: while PostgreSQL is at work on some, this process and the gateway are at work on others.
  const create = prepare({ atOnce: 2, atMost: 16 })
  const openConsents = rememberOpenConsents(() => performance.now())
  return async (connection, request, event) => {
    const { tenantId } = request.key
    const isFar = openConsents.isFarFrom(request.openAtMost, tenantId)
    const row = await (isFar ? create : createCounted)({
      open_at_most: isFar ? undefined : request.openAtMost,
      audit: [toAuditRow(toAuditEntry(event), now())],
      ...toWanted(vault, connection, request),
    })
    if (row?.is_stored === true && row.open !== null) openConsents.note(tenantId, row.open)
    return toAdmission(row)
  }
}

const toWanted = (vault: Vault, connection: NewConnection, request: NewAuthorizationRequest): Wanted => ({
  tenant_id: request.key.tenantId,
  connection_id: request.key.connectionId,
  request_id: request.id,
  provider_id: request.providerId,
  workspace_id: request.workspaceId,
  created_by: connection.createdBy,
  requested_scopes: connection.requestedScopes,
  purpose: request.purpose,
  intent: request.intent,
  allows_account_change: request.allowsAccountChange,
  binding: request.binding,
  scopes: request.scopes,
  return_url: request.returnUrl,
  completion_challenge: request.completionChallenge,
  variables: request.variables,
  snapshot: request.snapshot,
  sealed_secrets: request.secrets && toHex(sealFlowSecrets(vault, request, request.secrets)),
  lifetime_seconds: request.lifetimeMs / 1000,
})
