import { ServiceError } from '@dromos/contract'
import type { Caller } from '../domain/caller.js'
import { type ConnectionKey, refuseUnlessActive } from '../domain/connection.js'
import type { Actor } from '../domain/events.js'
import { isConnectionId } from '../domain/ids.js'
import { openCredentials } from './open-credentials.js'
import type { CredentialsRow } from './ports/connections.js'
import type { Ports } from './ports/ports.js'

type ProvePorts = Pick<Ports, 'connections' | 'vault' | 'dpop' | 'report'>

/** The request an agent is about to send; `nonce` is what the server asked for in `DPoP-Nonce`. */
export type ProofWish = { method: string; url: string; nonce: string | undefined }

/** Made for the access token of `token_version`, and for no other. */
export type Proof = { proof: string; token_version: number }

/**
 * Signs a DPoP proof (RFC 9449 section 7) for one request of an agent: the key stays here. Throws `connection_not_found`
 * (unknown and foreign ids alike), `connection_not_active`, `attention_required`, `token_not_bound`, `integrity_error`.
 */
export async function provePossession(
  ports: ProvePorts,
  caller: Caller,
  actor: Actor,
  connectionId: string,
  wish: ProofWish,
): Promise<Proof> {
  if (!isConnectionId(connectionId)) throw new ServiceError('invalid_connection_id', 'not a connection id')
  const key = { tenantId: caller.tenantId, connectionId }
  const row = await findActive(ports, key)
  const held = openCredentials(ports.vault, key, row)
  if (held.type !== 'oauth2' || held.dpopKey === undefined)
    throw new ServiceError('token_not_bound', 'this token needs no proof: send it as a Bearer token')
  const proof = await ports.dpop.prove(held.dpopKey, { ...wish, accessToken: held.accessToken })
  const data = { provider_id: row.providerId }
  await ports.report({ type: 'dpop_proof_issued', actor, connectionId, data })
  return { proof, token_version: row.version }
}

async function findActive(
  { connections }: Pick<ProvePorts, 'connections'>,
  key: ConnectionKey,
): Promise<CredentialsRow> {
  const row = await connections.readCredentials(key)
  if (row === undefined) throw new ServiceError('connection_not_found', 'no such connection')
  refuseUnlessActive(row)
  if (row.isProviderDeleted)
    throw new ServiceError('connection_not_active', 'the provider of this connection was deleted')
  return row
}
