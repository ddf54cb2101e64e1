import { afterAll, beforeAll, expect, test } from '@jest/globals'
import * as oidc from 'openid-client'
import { Browser } from '../src/browser/browser.js'
import { signInAndConsent } from '../src/browser/sign-in.js'
import { REDIRECT_URI, startDemoProvider } from './running-provider.js'

let provider: Awaited<ReturnType<typeof startDemoProvider>>
let party: oidc.Configuration

beforeAll(async () => {
  provider = await startDemoProvider()
  const authentication = oidc.ClientSecretBasic(provider.clientSecret)
  party = await oidc.discovery(new URL(provider.issuer), provider.clientId, undefined, authentication, {
    execute: [oidc.allowInsecureRequests],
  })
})

afterAll(() => provider.stop())

async function connect(login: string) {
  const verifier = oidc.randomPKCECodeVerifier()
  const state = oidc.randomState()
  const url = oidc.buildAuthorizationUrl(party, {
    redirect_uri: REDIRECT_URI,
    scope: 'openid email offline_access',
    prompt: 'consent',
    state,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  const browser = new Browser({ stopAt: (visited) => visited.startsWith(REDIRECT_URI) })
  const landed = await signInAndConsent(browser, url.href, login).finally(() => browser.close())
  const checks = { pkceCodeVerifier: verifier, expectedState: state, idTokenExpected: true }
  return oidc.authorizationCodeGrant(party, new URL(landed.url), checks)
}

test('a person signs in, consents and the client receives tokens for that person', async () => {
  const tokens = await connect('ada')
  const claims = tokens.claims()
  expect(claims).toMatchObject({ sub: 'ada', email: 'ada@example.test', iss: provider.issuer })
  expect(await oidc.fetchUserInfo(party, tokens.access_token, 'ada')).toMatchObject({ email: 'ada@example.test' })
})

test('the callback names its issuer (RFC 9207), so a mixed-up answer can be told apart', () => {
  expect(party.serverMetadata().authorization_response_iss_parameter_supported).toBe(true)
})

test('an authorization request without PKCE is refused', async () => {
  const url = oidc.buildAuthorizationUrl(party, { redirect_uri: REDIRECT_URI, scope: 'openid', state: 's' })
  const browser = new Browser({ stopAt: (visited) => visited.startsWith(REDIRECT_URI) })
  const landed = await browser.open(url.href).finally(() => browser.close())
  expect(new URL(landed.url).searchParams.get('error')).toBe('invalid_request')
})

test('a refresh rotates the refresh token, and showing the old one again revokes the whole grant', async () => {
  const first = await connect('grace')
  const second = await oidc.refreshTokenGrant(party, first.refresh_token!)
  expect(second.refresh_token).not.toBe(first.refresh_token)
  expect(second.access_token).not.toBe(first.access_token)

  await expect(oidc.refreshTokenGrant(party, first.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' })
  await expect(oidc.refreshTokenGrant(party, second.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' })
})

test('a revoked token is no longer active', async () => {
  const tokens = await connect('mary')
  expect(await oidc.tokenIntrospection(party, tokens.access_token)).toMatchObject({ active: true })
  await oidc.tokenRevocation(party, tokens.access_token)
  expect(await oidc.tokenIntrospection(party, tokens.access_token)).toEqual({ active: false })
})

test('a connection made before a restart can be refreshed after it', async () => {
  const before = await connect('edsger')
  await provider.restart()
  const after = await oidc.refreshTokenGrant(party, before.refresh_token!)
  expect(after.access_token).not.toBe(before.access_token)
})
