import { type ConsentSpec, ServiceError } from '@dromos/contract'
import type { ConsentBinding } from '../domain/authorization-request.js'
import type { Caller } from '../domain/caller.js'
import type { Actor } from '../domain/events.js'
import { newAuthorizationRequestId, newConnectionId } from '../domain/ids.js'
import type { OAuthProvider, Provider } from '../domain/provider.js'
import { checkReturnUrl, type ReturnUrlRule } from '../domain/return-url.js'
import { scopesToRequest } from '../domain/scopes.js'
import { signState, stateLifetimeMs } from '../domain/signed-state.js'
import { checkVariables } from '../domain/url-variables.js'
import type { NewAuthorizationRequest, Ports } from './ports.js'
import { prepareAuthorization } from './prepare-authorization.js'
import { resolveProvider } from './resolve-provider.js'

/** What the operator configured about consents. */
export type ConsentSettings = {
  /** Public URL of the broker, without a trailing slash. */
  baseUrl: string
  redirectUri: string
  /** The first signs, all verify. */
  stateKeys: readonly [Uint8Array, ...Uint8Array[]]
  /** undefined = enforcement is switched off. */
  returnUrlRules: readonly ReturnUrlRule[] | undefined
  binding: ConsentBinding
}

export type ConsentWish = {
  workspaceId: string
  provider: { id: string } | { name: string }
  scopes: readonly string[] | undefined
  returnUrl: string
  /** Values for the provider's URL placeholders; what is missing is asked of the person. */
  variables: Readonly<Record<string, string>>
}

type StartPorts = Pick<Ports, 'now' | 'providers' | 'connections' | 'metadata' | 'authorization' | 'report'>

/**
 * Creates a pending connection and the link a person opens to consent. Nothing is stored when anything is wrong.
 * Throws `return_url_not_allowed`, `provider_not_found`, `provider_ambiguous`, `scope_not_allowed`, `invalid_request`,
 * `provider_misconfigured`, `provider_unavailable`, `issuer_mismatch`.
 */
export async function startConnection(
  ports: StartPorts,
  settings: ConsentSettings,
  caller: Caller,
  actor: Actor,
  wish: ConsentWish,
): Promise<ConsentSpec> {
  const returnUrl = checkReturnUrl(wish.returnUrl, settings.returnUrlRules)
  const provider = await resolveProvider(ports.providers, wish.provider)
  const plan = await planConsent(ports, settings, provider, wish)

  const key = { tenantId: caller.tenantId, connectionId: newConnectionId() }
  const request: NewAuthorizationRequest = {
    ...plan,
    id: newAuthorizationRequestId(),
    key,
    workspaceId: wish.workspaceId,
    providerId: provider.identity.id,
    binding: settings.binding,
    returnUrl,
    lifetimeMs: stateLifetimeMs,
  }
  const state = stateOf(request, settings, ports.now())
  const authUrl = await linkFor(ports, settings, provider, request, state)
  await ports.connections.create(
    {
      key,
      workspaceId: wish.workspaceId,
      providerId: provider.identity.id,
      createdBy: caller.clientId,
      requestedScopes: plan.scopes,
    },
    request,
  )
  await ports.report({
    type: 'connection.created',
    actor,
    connectionId: key.connectionId,
    data: { provider_id: provider.identity.id, has_openid: plan.scopes.includes('openid'), purpose: plan.purpose },
  })
  return {
    authUrl,
    state,
    scopes: wish.scopes === undefined ? null : [...wish.scopes],
    provider_id: provider.identity.id,
    connection_id: key.connectionId,
  }
}

type Plan = Pick<NewAuthorizationRequest, 'purpose' | 'scopes' | 'variables' | 'snapshot' | 'secrets'>

async function planConsent(
  ports: StartPorts,
  settings: ConsentSettings,
  provider: Provider,
  wish: ConsentWish,
): Promise<Plan> {
  if (provider.kind === 'static')
    return { purpose: 'capture', scopes: [], variables: {}, snapshot: undefined, secrets: undefined }
  const scopes = scopesToRequest(provider, wish.scopes)
  const variables = checkVariables(provider.urlVariables, wish.variables)
  if (variables === undefined)
    return { purpose: 'authorization', scopes, variables: undefined, snapshot: undefined, secrets: undefined }
  const prepared = await prepareAuthorization(ports, provider, { variables, scopes, redirectUri: settings.redirectUri })
  return { purpose: 'authorization', scopes, variables, ...prepared }
}

async function linkFor(
  ports: StartPorts,
  settings: ConsentSettings,
  provider: Provider,
  request: NewAuthorizationRequest,
  state: string,
): Promise<string> {
  if (provider.kind === 'static' || request.snapshot === undefined)
    return `${settings.baseUrl}/auth/connect/${request.id}`
  return settings.binding === 'browser'
    ? `${settings.baseUrl}/auth/start/${request.id}`
    : authorizationUrl(ports, provider, request, state)
}

function authorizationUrl(
  ports: Pick<Ports, 'authorization'>,
  provider: OAuthProvider,
  request: Pick<NewAuthorizationRequest, 'snapshot' | 'secrets' | 'scopes'>,
  state: string,
): Promise<string> {
  const { snapshot, secrets, scopes } = request
  if (snapshot === undefined || secrets === undefined)
    throw new ServiceError('internal_error', 'the authorization request is incomplete')
  return ports.authorization.build(provider, { snapshot, secrets, scopes, state })
}

/** The signed handle of an authorization request; made anew whenever it is needed, never stored. */
export function stateOf(
  request: Pick<NewAuthorizationRequest, 'id' | 'key' | 'workspaceId' | 'providerId' | 'purpose'>,
  settings: Pick<ConsentSettings, 'stateKeys'>,
  now: Date,
): string {
  return signState(
    {
      workspace_id: request.workspaceId,
      provider_id: request.providerId,
      nonce: request.key.connectionId,
      iat: now.toISOString(),
      tenant: request.key.tenantId,
      request: request.id,
      purpose: request.purpose,
    },
    settings.stateKeys[0],
  )
}
