import type { ConnectionKey } from './connection.js'
import type { DpopKey } from './dpop-key.js'
import type { Endpoints } from './provider.js'

/** How the browser that finishes a consent is tied to the one that started it. */
export type ConsentBinding = 'browser' | 'none'

/** Why a person is asked: for a new connection, to renew one in place, or to widen its scopes. */
export type ConsentIntent = 'connect' | 'reconnect' | 'step_up'

/**
 * What a flow was started with. The callback uses these, never the provider's current endpoints, so that an edit of the
 * provider cannot redirect a code to somebody else (A9), and remembers whom it was sent to (RFC 9700 section 4.4.2).
 */
export type FlowSnapshot = {
  clientId: string
  endpoints: Endpoints
  redirectUri: string
  usesPkce: boolean
  /** RFC 9126: pushed when the browser arrives, because a `request_uri` lives for a minute. */
  usesPar: boolean
  /** `openid` was asked for: a missing id_token fails closed. */
  expectsIdToken: boolean
}

/** One consent attempt of one connection. */
export type AuthorizationRequest = {
  id: string
  key: ConnectionKey
  workspaceId: string
  providerId: string
  purpose: 'authorization' | 'capture'
  intent: ConsentIntent
  /** The person may answer with another account than the one that is connected. */
  allowsAccountChange: boolean
  binding: ConsentBinding
  scopes: readonly string[]
  returnUrl: string
  /** S256 (RFC 7636 section 4.2): set = what the person grants is held until the application has completed it. */
  completionChallenge: string | undefined
  /** Values of the provider's URL placeholders; undefined while a person has to give them. */
  variables: Readonly<Record<string, string>> | undefined
  /** undefined for captures and while variables are missing. */
  snapshot: FlowSnapshot | undefined
  /** SHA-256 of the browser's cookie, hex; undefined until a browser arrived. */
  browserDigest: string | undefined
  isClaimed: boolean
  /** By the database's clock. */
  isExpired: boolean
}

/** Values that only exist to be used once; sealed at rest, gone after the claim. */
export type FlowSecrets = { codeVerifier: string; nonce: string; dpopKey?: DpopKey }

/** Fills `{name}` placeholders; a value was checked against its pattern before. */
export const fillVariables = (template: string, variables: Readonly<Record<string, string>>): string =>
  template.replace(/\{([a-z][a-z0-9_]*)\}/g, (whole, name: string) => variables[name] ?? whole)
