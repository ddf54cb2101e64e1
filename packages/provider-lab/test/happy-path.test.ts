import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createPublicKey, verify } from 'node:crypto'
import { startProviderLab, type ProviderLab } from '../src/index.js'
import { clientOf, decode, getJson, redirectUri } from './client.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

test('a person who approves gives the client tokens, a verifiable id_token and userinfo of the same subject', async () => {
  const provider = lab.createProvider({ subject: 'ada' })
  const client = clientOf(provider)
  const callback = new URL(await provider.approve(client.authUrl()))
  expect(callback.origin + callback.pathname).toBe(redirectUri)
  expect(callback.searchParams.get('state')).toBe('state-1')
  expect(callback.searchParams.get('iss')).toBe(provider.issuer)

  const { status, body } = await client.exchange(callback.href)
  expect(status).toBe(200)
  expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'openid profile email' })

  const { header, claims } = decode(body['id_token'])
  expect(claims).toMatchObject({ iss: provider.issuer, sub: 'ada', aud: 'lab-client', nonce: 'nonce-1' })
  const jwks = await getJson(provider.jwksUri)
  expect(jwks).toMatchObject({ keys: [{ kid: header['kid'], alg: 'RS256', use: 'sig' }] })
  const [jwk] = Array.isArray(jwks['keys']) ? jwks['keys'] : []
  const [head, payload, signature] = String(body['id_token']).split('.')
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  expect(verify('sha256', Buffer.from(`${head}.${payload}`), key, Buffer.from(signature ?? '', 'base64url'))).toBe(true)

  const bearer = { authorization: `Bearer ${String(body['access_token'])}` }
  expect(await getJson(provider.userinfoEndpoint, bearer)).toEqual({
    sub: 'ada',
    name: 'Person ada',
    preferred_username: 'ada',
    email: 'ada@example.test',
    email_verified: true,
  })
})

test('both metadata documents are found where their specifications put them and name the endpoints', async () => {
  const provider = lab.createProvider()
  const expected = {
    issuer: provider.issuer,
    token_endpoint: provider.tokenEndpoint,
    jwks_uri: provider.jwksUri,
    authorization_response_iss_parameter_supported: true,
  }
  const oidc = await getJson(`${provider.issuer}/.well-known/openid-configuration`)
  const oauth = await getJson(`${lab.url}/.well-known/oauth-authorization-server/t/${provider.id}`)
  expect(oidc).toMatchObject(expected)
  expect(oauth).toEqual(oidc)
})

test('a person who refuses gives the client the error, state and iss', async () => {
  const provider = lab.createProvider()
  const callback = new URL(await provider.deny(clientOf(provider).authUrl()))
  expect(Object.fromEntries(callback.searchParams)).toMatchObject({
    error: 'access_denied',
    state: 'state-1',
    iss: provider.issuer,
  })
})

test('a person may tick fewer scopes than were asked for', async () => {
  const { status, body } = await clientOf(lab.createProvider()).connect({ scope: 'openid' })
  expect([status, body['scope']]).toEqual([200, 'openid'])
})

test('the journal keeps what was asked, raw and parsed, and what was answered', async () => {
  const provider = lab.createProvider()
  await clientOf(provider).refresh('unknown')
  expect(provider.journal('token')).toMatchObject([
    {
      method: 'POST',
      path: `/t/${provider.id}/token`,
      rawBody: 'grant_type=refresh_token&refresh_token=unknown',
      form: { grant_type: 'refresh_token', refresh_token: 'unknown' },
      answered: { status: 400, body: expect.stringContaining('invalid_grant') },
    },
  ])
})

test('providers of one lab do not know each other', async () => {
  const [one, other] = [lab.createProvider(), lab.createProvider()]
  const callback = await one.approve(clientOf(one).authUrl())
  expect((await clientOf(other).exchange(callback)).body['error']).toBe('invalid_grant')
  expect(one.journal('token')).toEqual([])
})

test('the token endpoint takes JSON bodies, and the refresh URL refreshes', async () => {
  const provider = lab.createProvider({ clientAuth: 'client_secret_post' })
  const response = await fetch(`${provider.issuer}/refresh`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      grant_type: 'refresh_token',
      refresh_token: provider.issue().refreshToken,
      client_id: provider.clientId,
      client_secret: provider.clientSecret,
    }),
  })
  expect(response.status).toBe(200)
})

test('the same seed gives the same tokens', async () => {
  const [one, other] = await Promise.all([startProviderLab({ seed: 7 }), startProviderLab({ seed: 7 })])
  const tokens = [one, other].map((each) => each.createProvider({ oidc: false }).issue())
  await Promise.all([one.close(), other.close()])
  expect(tokens[0]).toEqual(tokens[1])
})

test('a canned reply stands in for the provider once, and nothing is rotated', async () => {
  const provider = lab.createProvider({ oidc: false })
  const { refreshToken } = provider.issue()
  provider.replies({ body: { access_token: 'a2' } })
  const client = clientOf(provider)
  expect((await client.refresh(refreshToken)).body).toEqual({ access_token: 'a2' })
  expect((await client.refresh(refreshToken)).status).toBe(200)
})
