import type { AnswerPaths } from './token-answer.js'
import type { ProviderProfile, schedulePolicies } from './provider-profile.js'
import type { StrategyDefinition } from './strategy.js'

// Owns what a provider is to the flows: a closed union of OAuth and static providers with every default resolved.
// Provider differences are typed fields here; no code branches on a provider's name.

export type ProviderIdentity = {
  id: string
  name: string
  /** Grows by one with each change; part of the AAD of its sealed secrets. */
  version: number
  isDeleted: boolean
}

export type Provider = OAuthProvider | StaticProvider

export type SecretMethod = 'client_secret_basic' | 'client_secret_post'

export type ClientAuthentication = SecretMethod | 'none' | 'private_key_jwt'

/** Where the protocol endpoints are. Explicit values always win over discovered ones. */
export type Endpoints = {
  issuer: string | undefined
  authorization: string
  token: string
  /** The token endpoint, unless the provider has another for refreshes. */
  refresh: string
  jwks: string | undefined
  userinfo: string | undefined
  revocation: string | undefined
  /** RFC 9126: where authorization requests are pushed to. */
  par: string | undefined
  /** The provider takes no other authorization requests. */
  demandsPar: boolean
  /** RFC 9207: the provider promises `iss` in its authorization responses. */
  sendsIssuer: boolean
  /** How the metadata wants the client's secret; undefined when there is none to ask. */
  secretMethod: SecretMethod | undefined
  /** True when metadata says that PKCE with S256 is not supported; undefined when nothing is known. */
  refusesPkce: boolean | undefined
}

/** What a profile says of the endpoints, before discovery. */
export type ConfiguredEndpoints = {
  issuer: string | undefined
  discovers: boolean
  authorization: string | undefined
  token: string | undefined
  refresh: string | undefined
  jwks: string | undefined
  userinfo: string | undefined
  revocation: string | undefined
  par: string | undefined
  sendsIssuer: boolean | undefined
}

/** on: claims of somebody else are refused, a silent endpoint is borne · required: no claims, no connection · off: not asked */
export type UserinfoPolicy = 'required' | 'on' | 'off'

/** RFC 9126. Never `off` by accident: a provider that demands what the profile switches off is misconfigured. */
export type ParPolicy = 'required' | 'when_advertised' | 'off'

export type UrlVariable = {
  name: string
  title: string
  description: string | undefined
  pattern: string
  example: string | undefined
}

export type RefreshPolicy = {
  /** `unknown` is treated like strict rotation: the safe reading. */
  mode: 'stable' | 'rotates' | 'none' | 'unknown'
  /** Milliseconds for which the predecessor of a rotated refresh token still works; 0 = strict. */
  graceMs: number
  killsAccessToken: boolean
  idleLimitSeconds: number | undefined
  absoluteLimitSeconds: number | undefined
}

/**
 * on_demand   only when a caller needs it
 * keep_alive  only to keep the grant from ending unused: before the provider's idle limit
 * proactive   before the access token ends while the connection is in use; `keep_alive` otherwise
 */
export type SchedulePolicy = (typeof schedulePolicies)[number]

export type OAuthProvider = {
  kind: 'oauth2'
  identity: ProviderIdentity
  clientId: string
  /** undefined = as the provider's metadata says. */
  clientAuthentication: ClientAuthentication | undefined
  endpoints: ConfiguredEndpoints
  urlVariables: readonly UrlVariable[]
  scopes: {
    byDefault: readonly string[]
    /** undefined = every scope may be asked for. */
    allowed: readonly string[] | undefined
    separator: string
    parameter: string
    onAuthorize: boolean
    onExchange: boolean
    onRefresh: boolean
  }
  parameters: {
    authorize: Readonly<Record<string, string>>
    token: Readonly<Record<string, string>>
    refresh: Readonly<Record<string, string>>
  }
  redirectUriOnRefresh: boolean
  bodyFormat: 'form' | 'json'
  pkce: 'required' | 'on' | 'off'
  par: ParPolicy
  /** Tokens are bound to a key of each connection (RFC 9449); a bearer token in their place is refused. */
  usesDpop: boolean
  redirectPath: 'shared' | 'per_provider'
  answer: {
    paths: AnswerPaths
    /** Body member that marks an error in a 200 answer; `equals` undefined = its mere presence. */
    errorIn200: { member: string; equals: string | boolean | number | undefined; error: string | undefined } | undefined
    defaultExpiresInSeconds: number | undefined
  }
  refreshPolicy: RefreshPolicy
  refreshSchedule: SchedulePolicy
  /** OAuth error codes that, beside `invalid_grant`, mean that the grant is dead. */
  deadGrantErrors: readonly string[]
  revocationStyle: { style: 'rfc7009' | 'bearer_post' | 'basic_delete'; token: 'refresh_token' | 'access_token' }
  userinfo: UserinfoPolicy
  idToken: {
    nonce: 'required' | 'not_echoed'
    issuerTemplate: string | undefined
    /** How long ago an id_token of a fresh login may have been issued. */
    maxLoginAgeSeconds: number
    signingAlgs: readonly string[]
  }
}

export type StaticProvider = {
  kind: 'static'
  identity: ProviderIdentity
  authType: Exclude<ProviderProfile['auth_type'], 'oauth2'>
  strategy: StrategyDefinition
  /** JSON Schema (object) of the form and of what is accepted. */
  credentialSchema: Readonly<Record<string, unknown>>
  /** Absolute URL that answers 2xx to good credentials; undefined = no check against the provider. */
  verificationUrl: string | undefined
}

/** Secrets of an OAuth client, sealed at rest. Secrets are tried in order while a change is being rolled out. */
export type ClientSecrets = { secrets: readonly string[]; privateKeyJwk: Readonly<Record<string, unknown>> | undefined }
