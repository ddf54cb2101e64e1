import type { AuthorizationRequest } from '../../domain/authorization-request.js'
import type { ConnectionKey } from '../../domain/connection.js'
import type { ConsentOf } from './connections.js'

// What the completion step requires of whoever keeps grants that wait for it.

/** A judged grant that no connection holds yet. `sealed` is bound to (tenant, request, 'captured', 0). */
export type HeldGrant = { request: AuthorizationRequest; sealed: Buffer }

export type CompletionStore = {
  /**
   * Keeps a judged grant beside its connection, under a code that is good once and for a minute; ten minutes later it is a
   * rejected one (`RejectedGrantStore`). False when the consent has ended meanwhile.
   */
  hold(request: ConsentOf, held: { sealed: Buffer; connectCodeDigest: Buffer }): Promise<boolean>
  /** The grant of this connection that waits for this code; undefined for a wrong, used or late code. Changes nothing. */
  findHeld(key: ConnectionKey, connectCodeDigest: Buffer): Promise<HeldGrant | undefined>
}
