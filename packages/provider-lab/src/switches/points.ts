import type { Answer } from '../answer.js'
import type { Family } from '../grants.js'
import type { JsonObject, JwtDraft } from '../jose.js'
import type { KeyRing } from '../keys.js'
import type { ClientAuthMethod, RefreshPolicy } from '../options.js'
import type { Random } from '../random.js'
import type { TlsFault } from '../tls/faults.js'

export type GrantType = 'authorization_code' | 'refresh_token'

/** What the refresh_token member of the next token answer is. `omitted` and `same` do not rotate. */
export type RefreshTokenPlan = 'new' | 'same' | 'omitted'

/** The redirect back to the client, before it becomes a URL. */
export type AuthorizationResponse = { params: Record<string, string>; in: 'query' | 'fragment' | 'form_post' }

/** The named points of the pipeline, in request order, and the value a switch may replace there. */
export type Points = {
  'discovery.metadata': JsonObject
  'discovery.answer': Answer
  /** Whether clients may register themselves (RFC 7591), and whether a client_id may be the URL of a document. */
  'registration.policy': 'off' | 'open'
  'cimd.policy': 'off' | 'supported'
  /** Before a registration is looked at. */
  'registration.arrival': Answer | undefined
  /** The secret of a registered client, when it reads its registration. */
  'registration.secret': string | undefined
  'authorize.response': AuthorizationResponse
  /** Before anything is processed: an answer here means the provider did nothing. */
  'token.arrival': Answer | undefined
  'client.method': ClientAuthMethod
  'refresh.policy': RefreshPolicy
  /** A known refresh token's family before it is judged: may be ended. */
  'refresh.family': Family
  /** The error answer for a refresh token that is not accepted. */
  'refresh.refusal': Answer
  'token.plan': RefreshTokenPlan
  'signing.keys': KeyRing
  /** Undefined leaves the id_token out. */
  id_token: JwtDraft | undefined
  'token.body': JsonObject
  /** Before a pushed authorization request is looked at. */
  'par.arrival': Answer | undefined
  /** What a proof must carry (RFC 9449 section 8 and 9); undefined = no nonce. */
  'token.dpop_nonce': string | undefined
  'resource.dpop_nonce': string | undefined
  /** The scheme in the challenge of a resource server. */
  'resource.dpop_scheme': string
  /** After everything was processed: the provider has rotated, whatever the client gets to see. */
  'token.answer': Answer
  'jwks.keys': JsonObject[]
  'jwks.answer': Answer
  'userinfo.claims': JsonObject
  'userinfo.answer': Answer
  'revocation.arrival': Answer | undefined
  /** Before the protected API route is served. */
  'api.arrival': Answer | undefined
  'resource.metadata': JsonObject
}

export type Point = keyof Points

/** What a switch may look at. `grant` and `form` belong to the token request at hand. */
export type Circumstances = {
  grant: GrantType | undefined
  form: Record<string, string>
  family: Family | undefined
  /** The Accept header of a token request. */
  accept: string
}

export type SwitchFacts = Circumstances & {
  /** `how.value` of turnOn. */
  value: unknown
  issuer: string
  clientId: string
  attackerUrl: string
  tlsFaultUrls: Partial<Record<TlsFault, string>>
  keys: KeyRing
  random: Random
  nowMs(): number
}

export type Effect<P extends Point> = (value: Points[P], facts: SwitchFacts) => Points[P]

export type SwitchDefinition = {
  /** One line for the reader of the list; mentions `value` when the switch takes one. */
  does: string
  /** Cannot be turned on in a lab without it. */
  needs?: 'tls'
  /** Only requests of this grant type are touched and counted. */
  only?: GrantType
  at: { [P in Point]?: Effect<P> }
}

export type SwitchFamily = Record<string, SwitchDefinition>
