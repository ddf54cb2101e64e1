import { createHash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import type { OAuthProvider } from '../../src/domain/provider.js'
import { codeVerifier, nonce, profileOf, redirectUri, snapshotOf, testOAuth } from './oauth-lab.js'

const oauth = testOAuth()
const configured = (members: Record<string, unknown> = {}): OAuthProvider =>
  profileOf(undefined, { auth_url: 'https://op.example/authorize', token_url: 'https://op.example/token', ...members })

async function build(provider: OAuthProvider, scopes: readonly string[] = ['a', 'b'], usesPkce = true): Promise<URL> {
  const snapshot = { ...snapshotOf(provider, await oauth.metadata.endpoints(provider, {})), usesPkce }
  const secrets = { codeVerifier, nonce }
  return new URL(await oauth.authorization.build(provider, { snapshot, scopes, state: 'the-state', secrets }))
}

test('an authorization request carries what RFC 6749 and RFC 7636 ask for, each parameter once', async () => {
  const url = await build(configured())
  expect(url.origin + url.pathname).toBe('https://op.example/authorize')
  expect([...url.searchParams].sort()).toEqual([
    ['client_id', 'client'],
    ['code_challenge', createHash('sha256').update(codeVerifier).digest('base64url')],
    ['code_challenge_method', 'S256'],
    ['redirect_uri', redirectUri],
    ['response_type', 'code'],
    ['scope', 'a b'],
    ['state', 'the-state'],
  ])
})

test('no parameter of the endpoint’s own query can stand in for a reserved one (fault 21)', async () => {
  const auth_url =
    'https://op.example/authorize?team=7&state=evil&client_id=evil&redirect_uri=https://evil.example/&scope=x'
  const url = await build(configured({ auth_url }))
  for (const name of ['state', 'client_id', 'redirect_uri', 'scope'])
    expect(url.searchParams.getAll(name)).toHaveLength(1)
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    team: '7',
    state: 'the-state',
    client_id: 'client',
    redirect_uri: redirectUri,
  })
})

test('the profile’s authorize parameters are sent', async () => {
  const url = await build(configured({ authorize_params: { access_type: 'offline', prompt: 'consent' } }))
  expect(Object.fromEntries(url.searchParams)).toMatchObject({ access_type: 'offline', prompt: 'consent' })
})

test('a nonce is sent with openid, unless the provider does not echo it', async () => {
  const silent = configured({ id_token: { nonce: 'not_echoed' } })
  expect((await build(configured(), ['openid'])).searchParams.get('nonce')).toBe(nonce)
  expect((await build(configured(), ['profile'])).searchParams.has('nonce')).toBe(false)
  expect((await build(silent, ['openid'])).searchParams.has('nonce')).toBe(false)
})

test('scopes go into the provider’s parameter with its separator, or not at all', async () => {
  const slack = configured({ scope_parameter: 'user_scope', scope_separator: ',' })
  expect((await build(slack)).searchParams.get('user_scope')).toBe('a,b')
  expect((await build(slack)).searchParams.has('scope')).toBe(false)
  expect((await build(configured({ scope_on_authorize: false }))).searchParams.has('scope')).toBe(false)
  expect((await build(configured(), [])).searchParams.has('scope')).toBe(false)
})

test('PKCE is left out only when the flow says so', async () => {
  expect((await build(configured(), ['a'], false)).searchParams.has('code_challenge')).toBe(false)
})
