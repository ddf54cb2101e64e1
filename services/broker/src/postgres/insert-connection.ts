import type { Knex } from 'knex'
import type { NewAuthorizationRequest, NewConnection } from '../flows/ports/connections.js'
import type { Vault } from '../flows/ports/vault.js'
import { sealFlowSecrets } from './flow-secrets.js'
import { keyBindings, query } from './query.js'

const requestColumns = `(tenant_id, id, connection_id, provider_id, workspace_id, purpose, intent, allows_account_change,
   binding, scopes, return_url, variables, snapshot, sealed_secrets, expires_at)`

const requestValues = `:tenantId, :requestId, :connectionId, :providerId, :workspaceId, :purpose, :intent,
  :allowsAccountChange, :binding, :requestScopes, :returnUrl, :variables::jsonb, :snapshot::jsonb, :sealedSecrets,
  now() + make_interval(secs => :lifetimeSeconds)`

// One statement, so one round trip and one commit; both rows or neither.
const createStatement = `
  with connection as (
    insert into connections
      (tenant_id, id, workspace_id, provider_id, created_by, requested_scopes, consent_expires_at, variables)
    values (:tenantId, :connectionId, :workspaceId, :providerId, :createdBy, :connectionScopes,
            now() + make_interval(secs => :lifetimeSeconds), coalesce(:variables::jsonb, '{}'))
  )
  insert into authorization_requests ${requestColumns}
  values (${requestValues})`

// The row lock makes this and a disconnect happen one after the other: no consent slips in beside it.
const addStatement = `
  with held as (
    select tenant_id, id from connections
    where tenant_id = :tenantId and id = :connectionId and status <> 'revoking'
    for update
  ), waiting as (
    update connections c set consent_expires_at = now() + make_interval(secs => :lifetimeSeconds)
    from held where c.tenant_id = held.tenant_id and c.id = held.id and c.status = 'pending'
  )
  insert into authorization_requests ${requestColumns}
  select ${requestValues} from held
  returning id`

/** Stores a pending connection together with its first authorization request. */
export async function insertConnection(
  knex: Knex,
  vault: Vault,
  connection: NewConnection,
  request: NewAuthorizationRequest,
): Promise<void> {
  await query(knex, createStatement, {
    ...requestBindings(vault, request),
    createdBy: connection.createdBy,
    connectionScopes: connection.requestedScopes,
  })
}

/** Stores a further authorization request of a connection; false when it does not exist or is being revoked. */
export async function insertRequest(knex: Knex, vault: Vault, request: NewAuthorizationRequest): Promise<boolean> {
  return (await query(knex, addStatement, requestBindings(vault, request))).length === 1
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
  variables: request.variables && JSON.stringify(request.variables),
  snapshot: request.snapshot && JSON.stringify(request.snapshot),
  sealedSecrets: request.secrets && sealFlowSecrets(vault, request, request.secrets),
})
