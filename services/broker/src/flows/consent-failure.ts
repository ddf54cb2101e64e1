import type { ConnectionReason } from '../domain/connection.js'
import type { EventType } from '../domain/events.js'

/** A consent that ended badly after its claim: the connection is failed and the person sent back with `status=error`. */
export class ConsentFailure extends Error {
  constructor(
    readonly reason: ConnectionReason,
    readonly event: EventType,
    readonly data: Readonly<Record<string, string | number>> = {},
  ) {
    super(reason)
  }
}
