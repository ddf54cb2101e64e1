import type { JsonWebKey } from 'node:crypto'
import type { SigningAlg } from './jose.js'
import type { Random } from './random.js'
import type { TlsAuthMethod } from './tls/client-certificate.js'

export type ClientAuthMethod =
  'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | TlsAuthMethod | 'none' | 'any'

export type RefreshPolicy = {
  mode: 'stable' | 'rotating'
  /** How long the immediate predecessor still works after a rotation; 0 is strict. */
  graceMs: number
  revokesFamilyOnReuse: boolean
  /** A refresh also ends the access tokens issued before it (GitLab, GitHub Apps, Zendesk). */
  killsOldAccessToken: boolean
  /** A stable refresh token is left out of the refresh answer (Google). */
  omitWhenStable: boolean
  /** Every refresh token the family ever had goes on working beside the new one (Microsoft). */
  keepsPredecessors: boolean
}

/** What the protected API route accepts besides an access token. Names default to `x-api-key` and `api_key`. */
export type ApiCredentials = {
  apiKey?: string
  headerName?: string
  queryName?: string
  username?: string
  password?: string
}

export type LabProviderOptions = {
  clientId?: string
  clientSecret?: string
  /** Enforced at the token and revocation endpoints. `any` is basic or post. */
  clientAuth?: ClientAuthMethod
  /** The registered public key of `private_key_jwt`: a P-256 JWK. */
  clientJwk?: JsonWebKey
  /** The registered certificate of `self_signed_tls_client_auth`, as PEM. */
  clientCertificate?: string
  /** RFC 7591: `open` registers whoever asks. Default off. */
  registration?: 'off' | 'open'
  /** Whether a client_id may be the https URL of a client ID metadata document. Default off. */
  cimd?: 'off' | 'supported'
  /** Hosts whose documents are fetched although their addresses are private, such as `localhost`. Default none. */
  clientDocumentHosts?: string[]
  /** RFC 9126. Default off: no endpoint. `required` refuses any other authorization request. */
  par?: 'off' | 'supported' | 'required'
  /** RFC 9449. Default off: proofs are ignored. `supported` binds tokens for clients that send one. */
  dpop?: 'off' | 'supported' | 'required'
  /** Default true: an id_token when the granted scope has `openid`. */
  oidc?: boolean
  /** Default rotating, strict, with family revocation on reuse. */
  refresh?: { mode: 'stable' | 'rotating' } & Partial<RefreshPolicy>
  accessTokenSeconds?: number
  pkce?: 'required' | 'optional' | 'ignored'
  /** RFC 9207 `iss` in the authorization response, sent and advertised. Default true. */
  sendsIss?: boolean
  /** The person who is logged in when the browser does not say otherwise. */
  subject?: string
  /** Registered redirect URIs, compared exactly. Without it any absolute http(s) URI counts as registered. */
  redirectUris?: string[]
  signingAlg?: SigningAlg
  api?: ApiCredentials
  /** The status of an invalid_grant answer. Default 400; Atlassian says 403. */
  invalidGrantStatus?: number
  /** Errors of the token endpoint come with status 200, in the words of the provider named here. */
  errorsIn200?: 'slack' | 'github'
  /** Members that every token answer has besides those of RFC 6749. */
  tokenAnswerExtras?: Record<string, unknown>
  /** Between the scopes of a request and of an answer. Default a space. */
  scopeSeparator?: ' ' | ','
}

export type Settings = {
  clientId: string
  clientSecret: string
  clientAuth: ClientAuthMethod
  clientJwk: JsonWebKey | undefined
  clientCertificate: string | undefined
  registration: 'off' | 'open'
  cimd: 'off' | 'supported'
  clientDocumentHosts: string[]
  par: 'off' | 'supported' | 'required'
  dpop: 'off' | 'supported' | 'required'
  oidc: boolean
  refresh: RefreshPolicy
  accessTokenSeconds: number
  pkce: 'required' | 'optional' | 'ignored'
  sendsIss: boolean
  subject: string
  redirectUris: string[] | undefined
  signingAlg: SigningAlg
  api: ApiCredentials
  invalidGrantStatus: number
  errorsIn200: 'slack' | 'github' | undefined
  tokenAnswerExtras: Record<string, unknown>
  scopeSeparator: ' ' | ','
}

export function resolveOptions(options: LabProviderOptions, random: Random): Settings {
  return {
    clientId: options.clientId ?? 'lab-client',
    clientSecret: options.clientSecret ?? `secret_${random.hex(16)}`,
    clientAuth: options.clientAuth ?? 'any',
    clientJwk: options.clientJwk,
    clientCertificate: options.clientCertificate,
    registration: options.registration ?? 'off',
    cimd: options.cimd ?? 'off',
    clientDocumentHosts: options.clientDocumentHosts ?? [],
    par: options.par ?? 'off',
    dpop: options.dpop ?? 'off',
    oidc: options.oidc ?? true,
    refresh: {
      mode: 'rotating',
      graceMs: 0,
      revokesFamilyOnReuse: true,
      killsOldAccessToken: false,
      omitWhenStable: false,
      keepsPredecessors: false,
      ...options.refresh,
    },
    accessTokenSeconds: options.accessTokenSeconds ?? 3600,
    pkce: options.pkce ?? 'required',
    sendsIss: options.sendsIss ?? true,
    subject: options.subject ?? 'user-1',
    redirectUris: options.redirectUris,
    signingAlg: options.signingAlg ?? 'RS256',
    api: options.api ?? {},
    invalidGrantStatus: options.invalidGrantStatus ?? 400,
    errorsIn200: options.errorsIn200,
    tokenAnswerExtras: options.tokenAnswerExtras ?? {},
    scopeSeparator: options.scopeSeparator ?? ' ',
  }
}
