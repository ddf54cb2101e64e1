import { ServiceError } from '@dromos/contract'
import type { AuthorizationRequest } from '../domain/authorization-request.js'
import type { Account } from '../domain/connection.js'
import type { Credentials, OAuthCredentials } from '../domain/credentials.js'
import type { BrokerEvent } from '../domain/events.js'
import type { Provider } from '../domain/provider.js'
import { ConsentFailure } from './consent-failure.js'
import { originsOf } from './granted-at.js'
import { openCredentials } from './open-credentials.js'
import { planGranted } from './plan-refresh.js'
import type { Activation, ActivationTarget, ConsentOf } from './ports/connections.js'
import type { Ports } from './ports/ports.js'

// Owns the way from a judged grant into its connection. First consents, reconnects, step-ups and completions take the same
// way. Does not own what was captured before, or holds it back: hold-grant.ts.

export type ActivatePorts = Pick<Ports, 'now' | 'connections' | 'authorizationRequests' | 'vault' | 'announce'>

/** `event` tells of the grant once its connection holds it. */
export type JudgedGrant = {
  provider: Provider
  credentials: Credentials
  account: Account | undefined
  event: BrokerEvent
}

/** Refreshes move a row now and then; more often than this within one swap they cannot. */
const mostTries = 20

/** What every connection is before its first consent. Whether it still is that, `activate` alone judges. */
export const untouched: ActivationTarget = {
  version: 0,
  fence: 0,
  status: 'pending',
  isRefreshing: false,
  account: undefined,
  grantedToClientId: undefined,
  grantedAtOrigin: undefined,
  sealedCredentials: undefined,
  schedule: undefined,
  lastUsedAtMs: undefined,
}

/**
 * Replaces what the connection holds under a fresh fence. Until the statement succeeds the held credentials keep serving.
 * Throws `ConsentFailure` (`account_mismatch`, `disconnected`).
 */
export async function activateGrant(
  ports: ActivatePorts,
  request: AuthorizationRequest & ConsentOf,
  grant: JudgedGrant,
): Promise<void> {
  // A first consent need not look before it tries: there is nothing to keep and no account to compare with.
  let target = request.intent === 'connect' ? untouched : await lookAt(ports, request)
  for (let attempt = 0; attempt < mostTries; attempt++) {
    requireSameAccount(request, target.account, grant.account)
    const events = eventsOf(request, target, grant)
    const result = activation(ports, request, target, grant)
    if (await ports.connections.activate(request, target, result, events)) {
      events.forEach(ports.announce)
      return
    }
    target = await lookAt(ports, request)
  }
  throw new ServiceError('database_unavailable', 'the connection changed too often: start again')
}

async function lookAt(ports: Pick<Ports, 'connections'>, request: ConsentOf): Promise<ActivationTarget> {
  const target = await ports.connections.activationTarget(request)
  if (target === undefined) throw new ConsentFailure('disconnected', 'connection.grant_refused')
  return target
}

function eventsOf(request: AuthorizationRequest, was: ActivationTarget, grant: JudgedGrant): BrokerEvent[] {
  if (request.intent === 'connect') return [grant.event]
  const reconnected: BrokerEvent = {
    type: 'connection.reconnected',
    actor: grant.event.actor,
    connectionId: request.key.connectionId,
    data: { provider_id: request.providerId, intent: request.intent, was: was.status },
  }
  return [reconnected, grant.event]
}

/** ASVS 10.5.2: a connection changes hands only when that was asked for. Without a stored account there is nothing to pin. */
export function requireSameAccount(
  request: Pick<AuthorizationRequest, 'allowsAccountChange'>,
  held: Pick<Account, 'issuer' | 'subject'> | undefined,
  account: Account | undefined,
): void {
  if (held === undefined || request.allowsAccountChange) return
  if (account?.issuer === held.issuer && account.subject === held.subject) return
  throw new ConsentFailure('account_mismatch', 'connection.grant_refused')
}

function activation(
  ports: Pick<Ports, 'now' | 'vault'>,
  request: AuthorizationRequest,
  target: ActivationTarget,
  grant: JudgedGrant,
): Activation {
  const { tenantId, connectionId } = request.key
  const { snapshot } = request
  const grantedTo = {
    grantedToClientId: snapshot?.clientId,
    grantedAtOrigin: snapshot && originsOf(snapshot.endpoints),
  }
  const credentials =
    grant.credentials.type === 'oauth2'
      ? withHeldRefreshToken(ports, request, target, grant, grant.credentials, grantedTo)
      : grant.credentials
  const context = { tenantId, recordId: connectionId, field: 'credentials', version: target.version + 1 } as const
  return {
    sealed: ports.vault.seal(JSON.stringify(credentials), context),
    expiresAtMs: credentials.type === 'oauth2' ? credentials.expiresAtMs : undefined,
    refreshExpiresAtMs: credentials.type === 'oauth2' ? credentials.refreshExpiresAtMs : undefined,
    grantedScope: credentials.type === 'oauth2' ? credentials.scope : undefined,
    nextRefresh: { at: planGranted(grant.provider, credentials, target, ports.now()), schedule: target.schedule },
    requestedScopes: request.scopes,
    account: grant.account,
    variables: request.variables ?? {},
    revocationUrl: snapshot?.endpoints.revocation,
    ...grantedTo,
  }
}

/**
 * Google and others hand out a refresh token at the first consent only; the one held then covers the new scopes too. It is
 * kept for the same account, client and origin, and never while a refresh may be rotating it away.
 */
function withHeldRefreshToken(
  ports: Pick<Ports, 'vault'>,
  request: AuthorizationRequest,
  target: ActivationTarget,
  grant: JudgedGrant,
  fresh: OAuthCredentials,
  grantedTo: Pick<Activation, 'grantedToClientId' | 'grantedAtOrigin'>,
): OAuthCredentials {
  const isSameGrant =
    target.status === 'active' &&
    !target.isRefreshing &&
    grant.account !== undefined &&
    grant.account.issuer === target.account?.issuer &&
    grant.account.subject === target.account.subject &&
    grantedTo.grantedToClientId === target.grantedToClientId &&
    grantedTo.grantedAtOrigin === target.grantedAtOrigin
  if (fresh.refreshToken !== undefined || !isSameGrant) return fresh
  const held = openCredentials(ports.vault, request.key, target)
  if (held.type !== 'oauth2') return fresh
  // RFC 9449 section 5: a public client's refresh token is bound to the key it was granted with; ours is another one now.
  const isPublic = grant.provider.kind === 'oauth2' && grant.provider.clientAuthentication === 'none'
  if (held.dpopKey !== undefined && isPublic) return fresh
  return { ...fresh, refreshToken: held.refreshToken, refreshExpiresAtMs: held.refreshExpiresAtMs }
}
