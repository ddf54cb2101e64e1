import { type LabProvider } from 'dromos-lab'
import type { FlowSnapshot } from '../../src/domain/authorization-request.js'
import { checkProfile } from '../../src/domain/check-profile.js'
import type { Endpoints, OAuthProvider } from '../../src/domain/provider.js'
import { toProvider } from '../../src/domain/resolve-profile.js'
import { createOAuth, type OAuth, type OAuthOptions } from '../../src/oauth/create-oauth.js'

// Owns the arrangement of these suites: our adapters over real sockets, and profiles of a provider of the lab.

export const loopback = ['127.0.0.0/8', '::1/128']
export const redirectUri = 'http://localhost/auth/callback'
export const codeVerifier = 'a-code-verifier-of-forty-three-characters-or-more'
export const nonce = 'the-nonce-of-this-login'

/** Deadlines a test can wait for. */
export const shortLimits = { connectMs: 300, headersMs: 300, totalMs: 400 }

export function testOAuth(options: Partial<OAuthOptions> = {}): OAuth & { refused: string[] } {
  const refused: string[] = []
  const oauth = createOAuth({
    now: () => new Date(),
    allowedPrivateNetworks: loopback,
    onRefused: (hostname) => void refused.push(hostname),
    ...options,
  })
  return { ...oauth, refused }
}

/** An OAuth provider from a profile, through the same parser as registration. Endpoints are the lab's unless given. */
export function profileOf(lab: LabProvider | undefined, members: Record<string, unknown> = {}): OAuthProvider {
  const endpoints = lab && {
    auth_url: lab.authorizationEndpoint,
    token_url: lab.tokenEndpoint,
    issuer: lab.issuer,
    jwks_url: lab.jwksUri,
  }
  const profile = checkProfile(
    { name: 'lab', client_id: lab?.clientId ?? 'client', client_secret: 'stored', ...endpoints, ...members },
    { hasSecret: true },
  )
  const provider = toProvider({ id: 'p1', name: 'lab', version: 1, isDeleted: false }, profile)
  if (provider.kind !== 'oauth2') throw new Error('not an OAuth provider')
  return provider
}

export const discovering = (lab: LabProvider, members: Record<string, unknown> = {}): OAuthProvider =>
  profileOf(undefined, { client_id: lab.clientId, issuer: lab.issuer, enable_discovery: true, ...members })

export const secretsOf = (...secrets: string[]) => ({ secrets, privateKeyJwk: undefined })

export function snapshotOf(provider: OAuthProvider, endpoints: Endpoints): FlowSnapshot {
  return { clientId: provider.clientId, endpoints, redirectUri, usesPkce: true, usesPar: false, expectsIdToken: true }
}

export type Consent = { snapshot: FlowSnapshot; code: string }

/** A person's consent at the lab: the authorization URL is ours, the code is the lab's. */
export async function consent(
  oauth: OAuth,
  lab: LabProvider,
  provider: OAuthProvider,
  scopes: readonly string[] = ['openid', 'offline_access'],
): Promise<Consent> {
  const snapshot = snapshotOf(provider, await oauth.metadata.endpoints(provider, {}))
  const url = await oauth.authorization.build(provider, {
    snapshot,
    scopes,
    state: 's',
    secrets: { codeVerifier, nonce },
  })
  const code = new URL(await lab.approve(url)).searchParams.get('code') ?? ''
  return { snapshot, code }
}

/** Exchanges a consent's code as the callback does. */
export const exchange = (oauth: OAuth, provider: OAuthProvider, secret: string, { snapshot, code }: Consent) =>
  oauth.tokenEndpoint.exchange(provider, secretsOf(secret), { snapshot, code, codeVerifier, scopes: [] })

/** Presents a refresh token as the refresher does. */
export async function refresh(
  oauth: OAuth,
  provider: OAuthProvider,
  refreshToken: string,
  how: { secrets?: string[]; mayStillSend?: () => boolean; scopes?: string[] } = {},
) {
  return oauth.tokenEndpoint.refresh(provider, secretsOf(...(how.secrets ?? ['stored'])), {
    endpoints: await oauth.metadata.endpoints(provider, {}),
    redirectUri,
    refreshToken,
    scopes: how.scopes ?? [],
    mayStillSend: how.mayStillSend ?? (() => true),
  })
}
