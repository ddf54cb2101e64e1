import { type ErrorReason, ServiceError } from '@dromos/contract'
import type { Caller } from '../domain/caller.js'
import { digestOfConnectCode, isVerifierOf } from '../domain/completion.js'
import type { ConnectionDetails } from '../domain/connection-details.js'
import type { Actor, BrokerEvent } from '../domain/events.js'
import { activateGrant, type ActivatePorts } from './activate-grant.js'
import { openCaptured } from './captured-grant.js'
import { ConsentFailure } from './consent-failure.js'
import type { HeldGrant } from './ports/completions.js'
import type { Ports } from './ports/ports.js'
import { findDetails } from './reconnect-connection.js'
import type { Revoker } from './revocation-worker.js'

/** What the application knows: the code its browser brought, who is logged in there, and what it kept to itself. */
export type Completion = { connectCode: string; userId: string; completionVerifier: string }

export type CompletePorts = ActivatePorts & Pick<Ports, 'completions' | 'providers' | 'report'> & { revoker: Revoker }

/** Milliseconds for which the application waits for a revocation; it goes on behind. */
const patienceMs = 5_000

type Refusal = Extract<ErrorReason, 'invalid_connect_code' | 'wrong_verifier' | 'wrong_user'>

/**
 * The completion step: the application confirms that the person who came back is the one it asked for, and only then the
 * connection holds what was granted. Throws `connection_not_found`, `invalid_connection_id`; `invalid_connect_code` for a
 * wrong, used and late code alike; `wrong_verifier`, which changes nothing, so that a stolen code does not even spoil the
 * consent (A6); `wrong_user`, after which the grant is revoked and gone (A5).
 */
export async function completeConnection(
  ports: CompletePorts,
  caller: Caller,
  actor: Actor,
  connectionId: string,
  completion: Completion,
): Promise<ConnectionDetails> {
  await findDetails(ports, caller, connectionId)
  const key = { tenantId: caller.tenantId, connectionId }
  const refuse = async (reason: Refusal, message: string): Promise<never> => {
    await ports.report({ type: 'connection.completion_refused', actor, connectionId, data: { reason } })
    throw new ServiceError(reason, message)
  }
  const connectCodeDigest = digestOfConnectCode(completion.connectCode)
  const held = await ports.completions.findHeld(key, connectCodeDigest)
  if (held === undefined)
    return refuse(
      'invalid_connect_code',
      'the code is unknown, was used, or is older than a minute: ask the person again',
    )
  const { request } = held
  if (!isVerifierOf(completion.completionVerifier, request.completionChallenge ?? ''))
    return refuse('wrong_verifier', 'the verifier does not fit the challenge this connection was asked for with')
  if (completion.userId !== request.workspaceId) {
    await ports.connections.fail(request, 'wrong_user')
    await ports.revoker.revokeRejected(request, actor, patienceMs)
    return refuse('wrong_user', 'the connection was asked for another user: what was granted is revoked')
  }
  const data = { provider_id: request.providerId, intent: request.intent }
  const event: BrokerEvent = { type: 'connection.completed', actor, connectionId, data }
  if (!(await activated(ports, held, connectCodeDigest, event)))
    return refuse('invalid_connect_code', 'the connection was completed or disconnected a moment ago')
  return findDetails(ports, caller, connectionId)
}

/** False when somebody else was faster. */
async function activated(
  ports: CompletePorts,
  held: HeldGrant,
  connectCodeDigest: Buffer,
  event: BrokerEvent,
): Promise<boolean> {
  const found = await ports.providers.find(held.request.providerId)
  if (found === undefined)
    throw new ServiceError('provider_not_found', 'the provider of this connection no longer exists')
  const grant = { ...openCaptured(ports.vault, held.request, held.sealed), provider: found.provider, event }
  try {
    await activateGrant(ports, { ...held.request, connectCodeDigest }, grant)
    return true
  } catch (error) {
    if (error instanceof ConsentFailure) return false
    throw error
  }
}
