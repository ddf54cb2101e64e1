import type { Knex } from 'knex'
import type { NewAuthorizationRequest, NewConnection, Vault } from '../flows/ports.js'
import { keyBindings, query } from './query.js'
import { sealFlowSecrets } from './flow-secrets.js'

// One statement, so one round trip and one commit; both rows or neither.
const statement = `
  with connection as (
    insert into connections
      (tenant_id, id, workspace_id, provider_id, created_by, requested_scopes, consent_expires_at, variables)
    values (:tenantId, :connectionId, :workspaceId, :providerId, :createdBy, :connectionScopes,
            now() + make_interval(secs => :lifetimeSeconds), coalesce(:variables::jsonb, '{}'))
  )
  insert into authorization_requests
    (tenant_id, id, connection_id, provider_id, workspace_id, purpose, binding, scopes, return_url, variables, snapshot,
     sealed_secrets, expires_at)
  values (:tenantId, :requestId, :connectionId, :providerId, :workspaceId, :purpose, :binding, :requestScopes, :returnUrl,
          :variables::jsonb, :snapshot::jsonb, :sealedSecrets, now() + make_interval(secs => :lifetimeSeconds))`

/** Stores a pending connection together with its first authorization request. */
export async function insertConnection(
  knex: Knex,
  vault: Vault,
  connection: NewConnection,
  request: NewAuthorizationRequest,
): Promise<void> {
  await query(knex, statement, {
    ...keyBindings(connection.key),
    workspaceId: connection.workspaceId,
    providerId: connection.providerId,
    createdBy: connection.createdBy,
    connectionScopes: connection.requestedScopes,
    lifetimeSeconds: request.lifetimeMs / 1000,
    requestId: request.id,
    purpose: request.purpose,
    binding: request.binding,
    requestScopes: request.scopes,
    returnUrl: request.returnUrl,
    variables: request.variables && JSON.stringify(request.variables),
    snapshot: request.snapshot && JSON.stringify(request.snapshot),
    sealedSecrets: request.secrets && sealFlowSecrets(vault, request, request.secrets),
  })
}
