import { ServiceError } from '@dromos/contract'
import type { Caller } from '../domain/caller.js'
import type { ConnectionDetails } from '../domain/connection-details.js'
import type { Actor } from '../domain/events.js'
import type { SchedulePolicy } from '../domain/provider.js'
import type { Ports } from './ports/ports.js'
import { findDetails } from './reconnect-connection.js'

/** `refreshSchedule` undefined = the provider's. */
export type ConnectionChange = { refreshSchedule: SchedulePolicy | undefined }

/**
 * Gives a connection its own policy of refreshes. A refresh that is under way ends as it began. Repeating it changes nothing.
 * Throws `connection_not_found`, `invalid_connection_id`, `unsupported_auth_type` (static credentials are never refreshed).
 */
export async function updateConnection(
  ports: Pick<Ports, 'connections' | 'schedule' | 'report'>,
  caller: Caller,
  actor: Actor,
  connectionId: string,
  { refreshSchedule }: ConnectionChange,
): Promise<ConnectionDetails> {
  const { provider } = await findDetails(ports, caller, connectionId)
  if (provider.authType !== 'oauth2')
    throw new ServiceError('unsupported_auth_type', `${provider.name} has static credentials: nothing is refreshed`)
  const held = await ports.schedule.choose({ tenantId: caller.tenantId, connectionId }, refreshSchedule)
  if (held === undefined) throw new ServiceError('connection_not_found', 'no such connection')
  if (held.was !== refreshSchedule)
    await ports.report({
      type: 'connection.updated',
      actor,
      connectionId,
      data: { provider_id: provider.id, refresh_schedule: wordOf(refreshSchedule), was: wordOf(held.was) },
    })
  return findDetails(ports, caller, connectionId)
}

const wordOf = (schedule: SchedulePolicy | undefined): string => schedule ?? 'provider'
