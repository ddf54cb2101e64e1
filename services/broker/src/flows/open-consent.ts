import { type ConsentSpec, ServiceError } from '@dromos/contract'
import type { ConsentBinding } from '../domain/authorization-request.js'
import { newAuthorizationRequestId } from '../domain/ids.js'
import type { OAuthProvider, Provider } from '../domain/provider.js'
import { checkReturnUrl, type ReturnUrlRule } from '../domain/return-url.js'
import { scopesToRequest } from '../domain/scopes.js'
import { signState, stateLifetimeMs } from '../domain/signed-state.js'
import { checkVariables } from '../domain/url-variables.js'
import type { Admission, NewAuthorizationRequest } from './ports/connections.js'
import type { Ports } from './ports/ports.js'
import { prepareAuthorization } from './prepare-authorization.js'

// Owns what every consent begins with, of a new connection or of one that exists: request, state and link.
// Does not own the connection: start-connection.ts makes one, reconnect-connection.ts finds one.

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
  /** How many consents of one tenant may wait for an answer at once. */
  openConsentsPerTenant: number
}

export type OpenConsentPorts = Pick<Ports, 'now' | 'metadata' | 'authorization'>

/** What a consent is about; `scopes` undefined asks for the provider's default. */
export type ConsentAbout = Pick<
  NewAuthorizationRequest,
  'key' | 'workspaceId' | 'intent' | 'allowsAccountChange' | 'completionChallenge'
> & {
  scopes: readonly string[] | undefined
  variables: Readonly<Record<string, string>>
  returnUrl: string
}

export type OpenedConsent = { request: NewAuthorizationRequest; state: string; authUrl: string }

/**
 * Makes the authorization request and the link that opens it; nothing is stored. Throws `return_url_not_allowed`,
 * `scope_not_allowed`, `invalid_request`, `provider_misconfigured`, `provider_unavailable`, `issuer_mismatch`.
 */
export async function openConsent(
  ports: OpenConsentPorts,
  settings: ConsentSettings,
  provider: Provider,
  about: ConsentAbout,
): Promise<OpenedConsent> {
  const returnUrl = checkReturnUrl(about.returnUrl, settings.returnUrlRules)
  const plan = await planConsent(ports, settings, provider, about)
  // Member by member: an object that begins as a copy costs a hidden class each time (docs/performance.md).
  const request: NewAuthorizationRequest = {
    id: newAuthorizationRequestId(),
    key: about.key,
    workspaceId: about.workspaceId,
    providerId: provider.identity.id,
    intent: about.intent,
    allowsAccountChange: about.allowsAccountChange,
    binding: settings.binding,
    returnUrl,
    completionChallenge: about.completionChallenge,
    purpose: plan.purpose,
    scopes: plan.scopes,
    variables: plan.variables,
    snapshot: plan.snapshot,
    secrets: plan.secrets,
    lifetimeMs: stateLifetimeMs,
    openAtMost: settings.openConsentsPerTenant,
  }
  const state = stateOf(request, settings, ports.now())
  return { request, state, authUrl: await linkFor(ports, settings, provider, request, state) }
}

/** Throws `missing_fields`, `too_many_consents` or `disconnect_in_progress` for a consent that was not stored. */
export function requireStored(admission: Admission): void {
  switch (admission.kind) {
    case 'stored':
      return
    case 'completion_required':
      throw new ServiceError(
        'missing_fields',
        'missing: completion_challenge (this tenant completes its connections: send the S256 of a verifier you keep)',
      )
    case 'too_many':
      throw new ServiceError(
        'too_many_consents',
        'too many people of this tenant have been asked and have not answered yet: wait until some have, or their links end',
        { retryAfterSeconds: admission.retryAfterSeconds },
      )
    case 'closed':
      throw new ServiceError(
        'disconnect_in_progress',
        'the connection is still being revoked at the provider: wait until its status is revoked',
        { retryAfterSeconds: 5 },
      )
  }
}

/** The answer to whoever asked for the consent. */
export const toConsentSpec = (
  { request, state, authUrl }: OpenedConsent,
  scopes: readonly string[] | undefined,
): ConsentSpec => ({
  authUrl,
  state,
  scopes: scopes === undefined ? null : [...scopes],
  provider_id: request.providerId,
  connection_id: request.key.connectionId,
})

type Plan = Pick<NewAuthorizationRequest, 'purpose' | 'scopes' | 'variables' | 'snapshot' | 'secrets'>

async function planConsent(
  ports: OpenConsentPorts,
  settings: ConsentSettings,
  provider: Provider,
  about: ConsentAbout,
): Promise<Plan> {
  if (provider.kind === 'static')
    return { purpose: 'capture', scopes: [], variables: {}, snapshot: undefined, secrets: undefined }
  const scopes = scopesToRequest(provider, about.scopes)
  const variables = checkVariables(provider.urlVariables, about.variables)
  if (variables === undefined)
    return { purpose: 'authorization', scopes, variables: undefined, snapshot: undefined, secrets: undefined }
  const want = { variables, scopes, redirectUri: settings.redirectUri }
  const { snapshot, secrets } = await prepareAuthorization(ports, provider, want)
  return { purpose: 'authorization', scopes, variables, snapshot, secrets }
}

async function linkFor(
  ports: OpenConsentPorts,
  settings: ConsentSettings,
  provider: Provider,
  request: NewAuthorizationRequest,
  state: string,
): Promise<string> {
  // Whoever is to complete it answers for the person; the person is told for whom the consent is first.
  if (provider.kind === 'static' || request.snapshot === undefined || request.completionChallenge !== undefined)
    return `${settings.baseUrl}/auth/connect/${request.id}`
  // A pushed request lives for a minute: it is made when a browser is there.
  return settings.binding === 'browser' || request.snapshot.usesPar
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
