import type { Knex } from 'knex'
import type { Admission, NewAuthorizationRequest } from '../flows/ports/connections.js'
import type { Vault } from '../flows/ports/vault.js'
import { sealFlowSecrets } from './flow-secrets.js'
import { keyBindings, query } from './query.js'

const requestColumns = `(tenant_id, id, connection_id, provider_id, workspace_id, purpose, intent, allows_account_change,
   binding, scopes, return_url, completion_challenge, variables, snapshot, sealed_secrets, expires_at)`

const requestValues = `:tenantId, :requestId, :connectionId, :providerId, :workspaceId, :purpose, :intent,
  :allowsAccountChange, :binding, :requestScopes, :returnUrl, :completionChallenge, :variables::jsonb, :snapshot::jsonb,
  :sealedSecrets, now() + make_interval(secs => :lifetimeSeconds)`

// Counts at most as far as the limit, along an index of open consents alone. Statements of the same moment do not see each
// other's rows: the limit may be passed by as many as there are database sessions.
const admission = `
  tenant as (
    select requires_completion and :completionChallenge::text is null as lacks_challenge,
           (select count(*) from (select 1 from authorization_requests
              where tenant_id = :tenantId and claimed_at is null and expires_at > now() limit :openAtMost) o) < :openAtMost
             as has_room
    from tenants where id = :tenantId
  ), admitted as (select 1 as one from tenant where has_room and not lacks_challenge)`

const outcome = `
  select lacks_challenge, has_room, exists (select 1 from request) as is_stored,
         (select extract(epoch from min(expires_at) - now())::float8 from authorization_requests
          where tenant_id = :tenantId and claimed_at is null and expires_at > now() and not has_room) as room_in_seconds
  from tenant`

// The row lock makes this and a disconnect happen one after the other: no consent slips in beside it.
const addStatement = `
  with ${admission}, held as (
    select tenant_id, id from connections
    where tenant_id = :tenantId and id = :connectionId and status <> 'revoking' and exists (select 1 from admitted)
    for update
  ), waiting as (
    update connections c set consent_expires_at = now() + make_interval(secs => :lifetimeSeconds)
    from held where c.tenant_id = held.tenant_id and c.id = held.id and c.status = 'pending'
  ), request as (
    insert into authorization_requests ${requestColumns}
    select ${requestValues} from held
    returning id
  ) ${outcome}`

export type AdmissionColumns = {
  lacks_challenge: boolean
  has_room: boolean
  is_stored: boolean
  room_in_seconds: number | null
}

/** What became of a consent; no row when its tenant does not exist. */
export function toAdmission(row: AdmissionColumns | undefined): Admission {
  if (row === undefined) return { kind: 'closed' }
  if (row.is_stored) return { kind: 'stored' }
  if (row.lacks_challenge) return { kind: 'completion_required' }
  if (row.has_room) return { kind: 'closed' }
  return { kind: 'too_many', retryAfterSeconds: Math.max(Math.ceil(row.room_in_seconds ?? 1), 1) }
}

/** Stores a further authorization request of a connection. */
export async function insertRequest(knex: Knex, vault: Vault, request: NewAuthorizationRequest): Promise<Admission> {
  const [row] = await query<AdmissionColumns>(knex, addStatement, requestBindings(vault, request))
  return toAdmission(row)
}

const requestBindings = (vault: Vault, request: NewAuthorizationRequest) => ({
  ...keyBindings(request.key),
  workspaceId: request.workspaceId,
  providerId: request.providerId,
  lifetimeSeconds: request.lifetimeMs / 1000,
  requestId: request.id,
  purpose: request.purpose,
  intent: request.intent,
  allowsAccountChange: request.allowsAccountChange,
  binding: request.binding,
  requestScopes: request.scopes,
  returnUrl: request.returnUrl,
  completionChallenge: request.completionChallenge,
  openAtMost: request.openAtMost,
  variables: request.variables && JSON.stringify(request.variables),
  snapshot: request.snapshot && JSON.stringify(request.snapshot),
  sealedSecrets: request.secrets && sealFlowSecrets(vault, request, request.secrets),
})
