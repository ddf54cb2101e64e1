import type { AuthorizationRequest, FlowSecrets } from '../domain/authorization-request.js'
import type { SealContext, Vault } from '../flows/ports/vault.js'

type Named = Pick<AuthorizationRequest, 'id' | 'key'>

const contextOf = (request: Named): SealContext => ({
  tenantId: request.key.tenantId,
  recordId: request.id,
  field: 'flow_secrets',
  version: 0,
})

export const sealFlowSecrets = (vault: Vault, request: Named, secrets: FlowSecrets): Buffer =>
  vault.seal(JSON.stringify(secrets), contextOf(request))

/** Throws `integrity_error` when the envelope is not that of this request. */
export const openFlowSecrets = (vault: Vault, request: Named, sealed: Buffer): FlowSecrets =>
  JSON.parse(vault.open(sealed, contextOf(request))) as FlowSecrets
