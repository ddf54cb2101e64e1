import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals'
import { Provider, type ClientMetadata, type Configuration } from 'oidc-provider'
import {
  askForConsent,
  comeBack,
  openLink,
  readTokenOf,
  refreshOf,
  resultOf,
} from '../../../services/broker/test/harness/person.js'
import { startTestBroker, type TestBroker } from '../../../services/broker/test/harness/test-broker.js'
import { Browser } from '../src/browser/browser.js'
import { signInAndConsent } from '../src/browser/sign-in.js'

// The broker against a certified provider that somebody else wrote, with each feature on and off.

const redirectUri = 'http://localhost/auth/callback'
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signingKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })

let broker: TestBroker
let server: Server | undefined
beforeAll(async () => {
  // It tells whoever starts it that this is no production.
  for (const level of ['warn', 'info'] as const) jest.spyOn(console, level).mockImplementation(() => undefined)
  broker = await startTestBroker()
})
afterAll(async () => {
  jest.restoreAllMocks()
  await broker.close()
})
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

type Case = {
  features?: Configuration['features']
  client?: Partial<ClientMetadata>
  profile?: Record<string, unknown>
}

let count = 0

/** Registers it at the broker first: its client's keys are then served by the broker. */
async function realProvider({
  features = {},
  client = {},
  profile = {},
}: Case): Promise<TestBroker & { issuer: string }> {
  const listening = createServer()
  server = listening
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`
  const registered = await broker.call('POST', '/providers', {
    body: {
      profile: {
        name: `real-${++count}`,
        client_id: 'dromos',
        client_secret: 'a-secret-of-the-test',
        client_auth: 'client_secret_basic',
        issuer,
        enable_discovery: true,
        authorize_params: { prompt: 'consent' },
        ...profile,
      },
    },
  })
  if (registered.status !== 201) throw new Error(registered.text)
  const providerId = String(registered.body.id)
  const metadata: ClientMetadata = {
    client_id: 'dromos',
    client_secret: 'a-secret-of-the-test',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'client_secret_basic',
    ...client,
    ...(client.token_endpoint_auth_method === 'private_key_jwt' && {
      client_secret: undefined,
      jwks_uri: `${broker.url}/auth/jwks/${providerId}`,
    }),
  }
  const provider = new Provider(issuer, {
    clients: [metadata],
    jwks: { keys: [{ ...signingKey, kid: 'rs', use: 'sig', alg: 'RS256' }] },
    scopes: ['openid', 'offline_access', 'email'],
    claims: { openid: ['sub'], email: ['email'] },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub, email: `${sub}@example.test` }) }),
    rotateRefreshToken: true,
    cookies: { keys: [randomBytes(16).toString('hex')] },
    features: { devInteractions: { enabled: true }, ...features },
    // The broker of the test is on this machine.
    fetch: (url) => fetch(url),
  })
  const answer = provider.callback()
  listening.on('request', (request, response) => void answer(request, response))
  return { ...broker, providerId, issuer }
}

/** A person's whole consent through the provider's own pages; answers where the link led and how it ended. */
async function consent(op: TestBroker): Promise<{ id: string; location: URL; result: Record<string, string> }> {
  const spec = await askForConsent(op, { scopes: ['openid', 'email', 'offline_access'] })
  const { location, cookie } = await openLink(op, spec.authUrl)
  const browser = new Browser({ stopAt: (visited) => visited.startsWith(redirectUri) })
  const landed = await signInAndConsent(browser, location, 'ada').finally(() => browser.close())
  return {
    id: spec.connection_id,
    location: new URL(location),
    result: resultOf(await comeBack(op, landed.url, cookie)),
  }
}

const accountOf = async (op: TestBroker, id: string) => (await op.call('GET', `/connections/${id}`)).body.account

/** What every feature must leave working: login, account from userinfo, two refreshes with rotation. */
async function worksThroughout(op: TestBroker & { issuer: string }): Promise<{ id: string; location: URL }> {
  const { id, location, result } = await consent(op)
  expect(result).toMatchObject({ status: 'success' })
  expect(await accountOf(op, id)).toEqual({ issuer: op.issuer, subject: 'ada', label: 'ada@example.test' })
  for (const version of [2, 3]) expect((await refreshOf(op, id)).body).toMatchObject({ token_version: version })
  return { id, location }
}

const off = { pushedAuthorizationRequests: { enabled: false }, dPoP: { enabled: false } } as const

test('without PAR and DPoP the request is in the open and the token a bearer token', async () => {
  const op = await realProvider({ features: off })
  const { id, location } = await worksThroughout(op)
  expect(location.searchParams.get('scope')).toBe('openid email offline_access')
  expect((await readTokenOf(op, id)).body.token_type).toBe('Bearer')
})

test.each([false, true])('with PAR, required: %s, the browser carries a reference alone', async (isRequired) => {
  const pushed = { enabled: true, requirePushedAuthorizationRequests: isRequired }
  const op = await realProvider({ features: { ...off, pushedAuthorizationRequests: pushed } })
  const { location } = await worksThroughout(op)
  expect([...location.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri'])
})

test.each([false, true])('with DPoP, nonces required: %s, an agent’s proof opens the resource', async (wantsNonce) => {
  const dPoP = { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => wantsNonce }
  const op = await realProvider({ features: { ...off, dPoP }, profile: { dpop: true } })
  const { id } = await worksThroughout(op)
  const { body } = await readTokenOf(op, id)
  expect(body.token_type).toBe('DPoP')
  const url = `${op.issuer}/me`
  const call = async (nonce?: string): Promise<Response> => {
    const { proof } = (await op.call('POST', `/connections/${id}/dpop-proof`, { body: { method: 'GET', url, nonce } }))
      .body
    return fetch(url, { headers: { authorization: `DPoP ${String(body.access_token)}`, dpop: String(proof) } })
  }
  const first = await call()
  const last = first.status === 401 ? await call(first.headers.get('dpop-nonce') ?? '') : first
  expect(last.status).toBe(200)
  const bare = await fetch(url, { headers: { authorization: `Bearer ${String(body.access_token)}` } })
  expect(bare.status).toBe(401)
})

test('a profile that wants DPoP takes no bearer token from a provider without it', async () => {
  const op = await realProvider({ features: off, profile: { dpop: true } })
  expect((await consent(op)).result).toMatchObject({ status: 'error', error: 'dpop_downgrade' })
})

test('private_key_jwt: the provider fetches our public key from us, for PAR, code and refresh', async () => {
  const profile = {
    client_secret: null,
    client_auth: 'private_key_jwt',
    client_private_key: { ...privateKey.export({ format: 'jwk' }), kid: 'ours' },
  }
  const client = { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256' } as const
  const op = await realProvider({ client, profile })
  await worksThroughout(op)
})

test('a public client keeps its key over refreshes: the refresh tokens are bound to it', async () => {
  const dPoP = { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => false }
  const client = { token_endpoint_auth_method: 'none', client_secret: undefined } as const
  const op = await realProvider({
    features: { ...off, dPoP },
    client,
    profile: { client_secret: null, client_auth: 'none', dpop: true },
  })
  await worksThroughout(op)
})
