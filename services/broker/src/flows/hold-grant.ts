import type { AuthorizationRequest } from '../domain/authorization-request.js'
import { digestOfConnectCode, newConnectCode } from '../domain/completion.js'
import { activateGrant, type ActivatePorts, type JudgedGrant, requireSameAccount } from './activate-grant.js'
import { sealCaptured } from './captured-grant.js'
import { ConsentFailure } from './consent-failure.js'
import type { Ports } from './ports/ports.js'

// Owns the parting of ways after a grant was judged: into its connection, or held until the application has said that the
// person who came back is its own (A5). Does not own the end of the wait: complete-connection.ts, revoke-rejected.ts.

/** What the browser takes to the application. */
export type Settled = { status: 'success' } | { status: 'pending'; connect_code: string }

/**
 * Puts a judged grant into its connection, or holds it for the application to complete. Throws `ConsentFailure`
 * (`account_mismatch`, `disconnected`).
 */
export async function settleGrant(
  ports: ActivatePorts & Pick<Ports, 'completions' | 'report'>,
  request: AuthorizationRequest,
  grant: JudgedGrant,
): Promise<Settled> {
  if (request.completionChallenge === undefined) {
    await activateGrant(ports, request, grant)
    return { status: 'success' }
  }
  const connection = await ports.connections.details(request.key)
  requireSameAccount(request, connection?.account, grant.account)
  const connectCode = newConnectCode()
  const sealed = sealCaptured(ports.vault, request, { credentials: grant.credentials, account: grant.account })
  if (!(await ports.completions.hold(request, { sealed, connectCodeDigest: digestOfConnectCode(connectCode) })))
    throw new ConsentFailure('disconnected', 'connection.grant_refused')
  await ports.report({
    type: 'connection.grant_held',
    actor: grant.event.actor,
    connectionId: request.key.connectionId,
    data: { provider_id: request.providerId, intent: request.intent },
  })
  await ports.report(grant.event)
  return { status: 'pending', connect_code: connectCode }
}
