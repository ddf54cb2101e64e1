import { type ConsentSpec, ServiceError } from '@dromos/contract'
import type { Caller } from '../domain/caller.js'
import type { ConnectionDetails } from '../domain/connection-details.js'
import type { Actor } from '../domain/events.js'
import { isConnectionId } from '../domain/ids.js'
import type { OAuthProvider, Provider } from '../domain/provider.js'
import {
  type ConsentSettings,
  openConsent,
  type OpenConsentPorts,
  requireStored,
  toConsentSpec,
} from './open-consent.js'
import type { Ports } from './ports/ports.js'
import { resolveProvider } from './resolve-provider.js'

export type ReconnectPorts = OpenConsentPorts &
  Pick<Ports, 'providers' | 'connections' | 'authorizationRequests' | 'report'>

/** `renew` asks for the scopes given, or those asked for last time; `widen` for these on top of them. */
export type ReconnectWish = {
  scopes: { kind: 'renew'; scopes: readonly string[] | undefined } | { kind: 'widen'; scopes: readonly string[] }
  /** undefined = that of the latest consent. */
  returnUrl: string | undefined
  allowsAccountChange: boolean
  completionChallenge: string | undefined
}

/**
 * Asks a person anew for a connection that exists. Nothing of it changes until they have consented: an active one keeps
 * serving. Throws as `startConnection`, and `connection_not_found`, `invalid_connection_id`, `disconnect_in_progress`,
 * `unsupported_auth_type` (scopes of static credentials).
 */
export async function reconnectConnection(
  ports: ReconnectPorts,
  settings: ConsentSettings,
  caller: Caller,
  actor: Actor,
  connectionId: string,
  wish: ReconnectWish,
): Promise<ConsentSpec> {
  const details = await findDetails(ports, caller, connectionId)
  const provider = await resolveProvider(ports.providers, { id: details.provider.id })
  const returnUrl = wish.returnUrl ?? details.returnUrl
  if (returnUrl === undefined) throw new ServiceError('missing_fields', 'missing: return_url')
  const scopes = provider.kind === 'oauth2' ? scopesFor(provider, details, wish) : staticScopes(provider, wish)
  const opened = await openConsent(ports, settings, provider, {
    key: { tenantId: caller.tenantId, connectionId },
    workspaceId: details.userId,
    intent: wish.scopes.kind === 'widen' ? 'step_up' : 'reconnect',
    allowsAccountChange: wish.allowsAccountChange,
    completionChallenge: wish.completionChallenge,
    scopes,
    variables: details.variables,
    returnUrl,
  })
  requireStored(await ports.authorizationRequests.add(opened.request))
  await ports.report({
    type: 'connection.reconnect_requested',
    actor,
    connectionId,
    data: { provider_id: details.provider.id, intent: opened.request.intent, was: details.status },
  })
  return toConsentSpec(opened, opened.request.scopes)
}

/** Throws `connection_not_found` for unknown and foreign ids alike, `invalid_connection_id`. */
export async function findDetails(
  ports: Pick<Ports, 'connections'>,
  caller: Caller,
  connectionId: string,
): Promise<ConnectionDetails> {
  if (!isConnectionId(connectionId)) throw new ServiceError('invalid_connection_id', 'not a connection id')
  const details = await ports.connections.details({ tenantId: caller.tenantId, connectionId })
  if (details === undefined) throw new ServiceError('connection_not_found', 'no such connection')
  return details
}

function scopesFor(provider: OAuthProvider, details: ConnectionDetails, wish: ReconnectWish): readonly string[] {
  const asked =
    wish.scopes.kind === 'widen'
      ? [...details.requestedScopes, ...stillAllowed(provider, details.grantedScope), ...wish.scopes.scopes]
      : (wish.scopes.scopes ?? details.requestedScopes)
  // Without an id_token nobody could tell whether it is the same account.
  const isPinned = details.account !== undefined && !wish.allowsAccountChange
  return [...new Set(isPinned && asked.length > 0 ? ['openid', ...asked] : asked)]
}

// What providers grant under another name than it was asked for need not be in the list of allowed scopes.
const stillAllowed = (provider: OAuthProvider, granted: string | undefined): string[] =>
  (granted?.split(/[\s,]+/) ?? []).filter((scope) => scope !== '' && provider.scopes.allowed?.includes(scope) !== false)

function staticScopes(provider: Provider, wish: ReconnectWish): undefined {
  if (wish.scopes.kind === 'widen')
    throw new ServiceError('unsupported_auth_type', `${provider.identity.name} has static credentials without scopes`)
  return undefined
}
