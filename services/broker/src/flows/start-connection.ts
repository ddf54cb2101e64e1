import type { ConsentSpec } from '@dromos/contract'
import type { Caller } from '../domain/caller.js'
import type { Actor, BrokerEvent } from '../domain/events.js'
import { newConnectionId } from '../domain/ids.js'
import {
  type ConsentSettings,
  openConsent,
  type OpenConsentPorts,
  requireStored,
  toConsentSpec,
} from './open-consent.js'
import type { Ports } from './ports/ports.js'
import { resolveProvider } from './resolve-provider.js'

export type ConsentWish = {
  workspaceId: string
  provider: { id: string } | { name: string }
  scopes: readonly string[] | undefined
  returnUrl: string
  /** Values for the provider's URL placeholders; what is missing is asked of the person. */
  variables: Readonly<Record<string, string>>
  /** S256 of the application's verifier; undefined = the connection is active as soon as the person has consented. */
  completionChallenge: string | undefined
}

type StartPorts = OpenConsentPorts & Pick<Ports, 'providers' | 'connections' | 'announce'>

/**
 * Creates a pending connection and the link a person opens to consent. Nothing is stored when anything is wrong.
 * Throws `return_url_not_allowed`, `provider_not_found`, `provider_ambiguous`, `scope_not_allowed`, `invalid_request`,
 * `missing_fields` (the tenant asks for a challenge), `too_many_consents`, `provider_misconfigured`, `provider_unavailable`,
 * `issuer_mismatch`.
 */
export async function startConnection(
  ports: StartPorts,
  settings: ConsentSettings,
  caller: Caller,
  actor: Actor,
  wish: ConsentWish,
): Promise<ConsentSpec> {
  const provider = await resolveProvider(ports.providers, wish.provider)
  const key = { tenantId: caller.tenantId, connectionId: newConnectionId() }
  const opened = await openConsent(ports, settings, provider, {
    key,
    workspaceId: wish.workspaceId,
    intent: 'connect',
    allowsAccountChange: false,
    completionChallenge: wish.completionChallenge,
    scopes: wish.scopes,
    variables: wish.variables,
    returnUrl: wish.returnUrl,
  })
  const { scopes, purpose } = opened.request
  const wanted = {
    key,
    workspaceId: wish.workspaceId,
    providerId: provider.identity.id,
    createdBy: caller.clientId,
    requestedScopes: scopes,
  }
  const event: BrokerEvent = {
    type: 'connection.created',
    actor,
    connectionId: key.connectionId,
    data: { provider_id: provider.identity.id, has_openid: scopes.includes('openid'), purpose },
  }
  requireStored(await ports.connections.create(wanted, opened.request, event))
  ports.announce(event)
  return toConsentSpec(opened, wish.scopes)
}
