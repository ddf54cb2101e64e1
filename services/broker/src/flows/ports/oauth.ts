import type { AuthenticationTarget } from '../../domain/authentication-target.js'
import type { AuthorizationRequest, FlowSecrets, FlowSnapshot } from '../../domain/authorization-request.js'
import type { Account } from '../../domain/connection.js'
import type { OAuthCredentials } from '../../domain/credentials.js'
import type { DpopKey } from '../../domain/dpop-key.js'
import type { ClientSecrets, Endpoints, OAuthProvider, StaticProvider } from '../../domain/provider.js'
import type { TokenAnswer } from '../../domain/token-answer.js'
import type { TokenCall } from '../../domain/token-refusal.js'

// What the flows require of whoever talks to providers.

/** What became of one call. `retryAfterMs` is what the provider asked for. */
export type RevocationAnswer =
  | { kind: 'revoked' }
  | { kind: 'refused'; httpStatus: number }
  | { kind: 'unavailable'; retryAfterMs: number | undefined }

/** Where a grant ends, and at whose server. */
export type RevocationPlace = AuthenticationTarget & { url: string }

export type RevocationEndpoint = {
  /** Revokes one token in the provider's style (RFC 7009 by default), through the egress guard, once. Never throws. */
  revoke(
    provider: OAuthProvider,
    secrets: ClientSecrets,
    request: RevocationPlace & { token: string; hint: 'refresh_token' | 'access_token' },
  ): Promise<RevocationAnswer>
}

export type MetadataSource = {
  /**
   * The provider's endpoints: what is configured, completed by discovery where the profile asks for it. Discovery never
   * guesses an issuer and never replaces a configured value. Throws `provider_unavailable`, `issuer_mismatch`,
   * `provider_misconfigured` (an endpoint is nowhere to be found).
   */
  endpoints(provider: OAuthProvider, variables: Readonly<Record<string, string>>): Promise<Endpoints>
}

type AuthorizationInput = { snapshot: FlowSnapshot; scopes: readonly string[]; state: string; secrets: FlowSecrets }

export type AuthorizationUrls = {
  /** The authorization request (RFC 6749 section 4.1.1, RFC 7636). Reserved parameters are set last. */
  build(provider: OAuthProvider, request: AuthorizationInput): Promise<string>
  /**
   * Pushes the same request to the snapshot's `par` endpoint (RFC 9126) and answers a URL with nothing but `client_id` and
   * `request_uri`, which works once and for about a minute. Client secrets are tried in order as in an exchange.
   */
  push(provider: OAuthProvider, secrets: ClientSecrets, request: AuthorizationInput): Promise<TokenCall<string>>
}

export type DpopSigner = {
  /** A fresh proof (RFC 9449 section 4.2) that the holder of `accessToken` may use for one request of another server. */
  prove(
    key: DpopKey,
    target: { method: string; url: string; accessToken: string; nonce: string | undefined },
  ): Promise<string>
}

/** The parsed answer and, separately, when it came. */
export type Grant = { answer: TokenAnswer; receivedAtMs: number }

export type TokenEndpoint = {
  /** Exchanges a code once. Client secrets are tried in order while the provider says `invalid_client`. */
  exchange(
    provider: OAuthProvider,
    secrets: ClientSecrets,
    request: {
      snapshot: NonNullable<AuthorizationRequest['snapshot']>
      code: string
      codeVerifier: string | undefined
      scopes: readonly string[]
      /** Binds the grant to it; absent = bearer tokens. */
      dpopKey?: DpopKey | undefined
    },
  ): Promise<TokenCall<Grant>>
  /**
   * Presents a refresh token once. `mayStillSend` is asked when the socket is connected and right before the body is written;
   * a false answer drops the attempt unsent (a frozen holder must not present a stale token).
   */
  refresh(
    provider: OAuthProvider,
    secrets: ClientSecrets,
    request: {
      endpoints: Endpoints
      redirectUri: string
      refreshToken: string
      scopes: readonly string[]
      /** Binds the grant to it; absent = bearer tokens. */
      dpopKey?: DpopKey | undefined
      mayStillSend: () => boolean
    },
  ): Promise<TokenCall<Grant>>
}

/**
 * login     a fresh consent: every check
 * refresh   OIDC Core 12.2: no nonce, no limit on the age of `iat`
 * recovery  an answer stored by a process that died before judging it: it may have expired since, so times and at_hash are
 *           not looked at
 */
export type IdTokenOccasion = 'login' | 'refresh' | 'recovery'

export type IdTokenVerifier = {
  /**
   * OIDC Core 3.1.3.7 and 12.2: signature, issuer (exact, or the profile's template), audience and azp, times, nonce as the
   * profile says. Throws `invalid_id_token`; never a claim's value in the message.
   */
  verify(
    provider: OAuthProvider,
    idToken: string,
    expected: {
      endpoints: Endpoints
      clientId: string
      nonce: string | undefined
      accessToken: string | undefined
      occasion: IdTokenOccasion
    },
  ): Promise<Account>
}

/**
 * claims       of the account that was asked about; `label` is its e-mail address or name, fit to be shown
 * refused      of another account, of nobody, or not signed as it says it is
 * unavailable  no answer, an error, or nothing that can be read
 */
export type UserinfoAnswer =
  { kind: 'claims'; label: string | undefined } | { kind: 'refused' } | { kind: 'unavailable' }

export type UserinfoEndpoint = {
  /**
   * OIDC Core section 5.3, once: the token goes in the header alone. A signed answer (5.3.2) must be of the provider's
   * keys, issuer and for this client; `sub` must be exactly `subject`. Never throws.
   */
  read(
    provider: OAuthProvider,
    snapshot: FlowSnapshot,
    credentials: OAuthCredentials,
    subject: string,
  ): Promise<UserinfoAnswer>
}

export type CredentialCheck = {
  /** One GET of the provider's verification URL with the strategy applied: 401 and 403 reject, network trouble throws `provider_unavailable`. */
  accepts(provider: StaticProvider, values: Readonly<Record<string, unknown>>): Promise<boolean>
}
