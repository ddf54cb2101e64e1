import type { AuthorizationRequest } from '../domain/authorization-request.js'
import type { Account } from '../domain/connection.js'
import type { Credentials } from '../domain/credentials.js'
import type { ConsentOf } from './ports/connections.js'
import type { Ports } from './ports/ports.js'
import type { Vault } from './ports/vault.js'

// Owns how what a consent brought is sealed in the row of that consent, until a connection holds it or it is revoked.

/** `account` is known once it was judged, of grants that wait for their completion. */
export type Captured = { credentials: Credentials; account: Account | undefined }

const contextOf = ({ key, id }: ConsentOf) =>
  ({ tenantId: key.tenantId, recordId: id, field: 'captured', version: 0 }) as const

export const sealCaptured = (vault: Pick<Vault, 'seal'>, request: ConsentOf, captured: Captured): Buffer =>
  vault.seal(JSON.stringify(captured), contextOf(request))

/** Throws `integrity_error`. */
export const openCaptured = (vault: Pick<Vault, 'open'>, request: ConsentOf, sealed: Buffer): Captured =>
  JSON.parse(vault.open(sealed, contextOf(request))) as Captured // what we sealed ourselves

/** Stores what came before anything of it is judged: an authorization code works once. */
export const captureGrant = (
  ports: Pick<Ports, 'authorizationRequests' | 'vault'>,
  request: AuthorizationRequest,
  credentials: Credentials,
): Promise<void> =>
  ports.authorizationRequests.capture(request, sealCaptured(ports.vault, request, { credentials, account: undefined }))
