// Owns a real OpenID provider for this machine: sign-in and consent pages, code + PKCE, rotation, revocation.
// Does not own misbehaviour (that is the provider lab), nor anything a real provider would not do.
import { mkdirSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { Provider, type Configuration } from 'oidc-provider'
import { loadOrCreateKeys } from './keys.js'
import { openRecordStore } from './record-store.js'
import { returnPage, RETURN_PATH } from './return-page.js'

export type DemoIdentityProviderOptions = {
  /** `http://localhost:<port>`, without a path. */
  issuer: string
  client: { id: string; secret: string; redirectUri: string }
  /** Holds keys and sessions between starts; created when missing. */
  stateDir: string
}

export type DemoIdentityProvider = {
  handle: (request: IncomingMessage, response: ServerResponse) => void
  /** Writes what changed since the last save. */
  save: () => void
}

/** Any login name is accepted, with any password; the name becomes `sub` and, with a domain added, the e-mail address. */
export function createDemoIdentityProvider(options: DemoIdentityProviderOptions): DemoIdentityProvider {
  mkdirSync(options.stateDir, { recursive: true, mode: 0o700 })
  const records = openRecordStore(join(options.stateDir, 'records.json'))
  const keys = loadOrCreateKeys(join(options.stateDir, 'keys.json'))
  const provider = new Provider(options.issuer, {
    ...policy,
    adapter: records.adapter,
    jwks: keys.jwks,
    cookies: { keys: [keys.cookieSecret] },
    clients: [
      {
        client_id: options.client.id,
        client_secret: options.client.secret,
        client_name: 'Dromos (local)',
        redirect_uris: [options.client.redirectUri],
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
  })
  const answer = provider.callback()
  return {
    handle(request, response) {
      if (request.url?.startsWith(RETURN_PATH)) returnPage(request, response)
      else void answer(request, response)
    },
    save: records.save,
  }
}

const DAY_SECONDS = 86_400

const policy: Configuration = {
  scopes: ['openid', 'offline_access', 'email', 'profile'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: false,
  findAccount: (_context, sub) => ({ accountId: sub, claims: () => claimsOf(sub) }),
  pkce: { required: () => true },
  // A rotated refresh token that is shown again revokes the whole grant (RFC 9700 §4.14.2).
  rotateRefreshToken: true,
  features: {
    devInteractions: { enabled: true },
    introspection: { enabled: true, allowedPolicy: (_context, client, token) => token.clientId === client.clientId },
    revocation: { enabled: true, allowedPolicy: (_context, client, token) => token.clientId === client.clientId },
    rpInitiatedLogout: { enabled: false },
  },
  ttl: {
    AccessToken: 600,
    AuthorizationCode: 60,
    IdToken: 3600,
    Interaction: 3600,
    Grant: 14 * DAY_SECONDS,
    RefreshToken: 14 * DAY_SECONDS,
    Session: 14 * DAY_SECONDS,
  },
}

function claimsOf(login: string) {
  const [name = login] = login.split('@')
  return { sub: login, email: login.includes('@') ? login : `${login}@example.test`, email_verified: true, name }
}
