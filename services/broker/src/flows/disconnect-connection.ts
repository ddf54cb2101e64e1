import { ServiceError } from '@dromos/contract'
import type { Caller } from '../domain/caller.js'
import type { ConnectionDetails } from '../domain/connection-details.js'
import type { Actor } from '../domain/events.js'
import { isConnectionId } from '../domain/ids.js'
import type { Ports } from './ports/ports.js'
import { findDetails } from './reconnect-connection.js'
import type { Revoker } from './revocation-worker.js'

/** Milliseconds for which a caller waits for the provider; the revocation itself goes on behind. */
const patienceMs = 5_000

/**
 * Ends a connection for good: at once for every reader, then at the provider. Repeating it changes nothing. Answers how far
 * it got. Throws `connection_not_found`, `invalid_connection_id`.
 */
export async function disconnectConnection(
  ports: Pick<Ports, 'connections' | 'revocations' | 'report'> & { revoker: Revoker },
  caller: Caller,
  actor: Actor,
  connectionId: string,
): Promise<ConnectionDetails> {
  if (!isConnectionId(connectionId)) throw new ServiceError('invalid_connection_id', 'not a connection id')
  const key = { tenantId: caller.tenantId, connectionId }
  const begun = await ports.revocations.begin(key)
  if (begun === undefined) throw new ServiceError('connection_not_found', 'no such connection')
  if (!begun.wasDisconnected)
    await ports.report({
      type: 'connection.disconnected',
      actor,
      connectionId,
      data: { provider_id: begun.providerId, was: begun.previous },
    })
  if (begun.previous !== 'revoked') await ports.revoker.revokeNow(key, actor, patienceMs)
  return findDetails(ports, caller, connectionId)
}
