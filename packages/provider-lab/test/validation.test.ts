import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startProviderLab, type LabProviderOptions, type ProviderLab } from '../src/index.js'
import { clientOf } from './client.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

describe('a code is refused', () => {
  test.each([
    ['with another redirect_uri', { redirect_uri: 'https://app.test/auth/callback/' }, 'invalid_grant'],
    ['with a wrong verifier', { code_verifier: 'x'.repeat(43) }, 'invalid_grant'],
    ['when it is unknown', { code: 'nope' }, 'invalid_grant'],
    ['under an unknown grant type', { grant_type: 'password' }, 'unsupported_grant_type'],
    ['when the body names another client', { client_id: 'other' }, 'invalid_client'],
    ['when the client authenticates twice', { client_secret: 'again' }, 'invalid_request'],
  ])('%s', async (_case, overrides, error) => {
    const provider = lab.createProvider({ oidc: false })
    const client = clientOf(provider)
    const answer = await client.exchange(await provider.approve(client.authUrl()), overrides)
    expect(answer.body['error']).toBe(error)
    expect(provider.journal('token')).toMatchObject([{ answered: { status: answer.status } }])
    expect(provider.oracle().families).toEqual([])
  })
})

test('a code works once, and its second use ends what the first one gave', async () => {
  const provider = lab.createProvider({ oidc: false })
  const client = clientOf(provider)
  const callback = await provider.approve(client.authUrl())
  const first = await client.exchange(callback)
  expect((await client.exchange(callback)).body['error']).toBe('invalid_grant')
  expect((await client.refresh(first.body['refresh_token'])).body['error']).toBe('invalid_grant')
  expect(provider.oracle().families).toMatchObject([{ alive: false }])
})

test('a code expires with the virtual clock', async () => {
  const provider = lab.createProvider({ oidc: false })
  const client = clientOf(provider)
  const callback = await provider.approve(client.authUrl())
  provider.clock.advance(600_000)
  expect((await client.exchange(callback)).body['error']).toBe('invalid_grant')
})

test('a repeated body parameter is refused', async () => {
  const provider = lab.createProvider()
  const response = await fetch(provider.tokenEndpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: clientOf(provider).basic() },
    body: 'grant_type=refresh_token&refresh_token=a&refresh_token=b',
  })
  expect(await response.json()).toMatchObject({ error: 'invalid_request' })
})

describe('the authorization endpoint shows a page, not a redirect,', () => {
  test.each([
    ['for an unknown client', { client_id: 'other' }],
    ['for an unregistered redirect_uri', { redirect_uri: 'https://app.test/auth/callback?x=1' }],
    ['without redirect_uri', { redirect_uri: undefined }],
  ])('%s', async (_case, overrides) => {
    const provider = lab.createProvider({ redirectUris: ['https://app.test/auth/callback'] })
    await expect(provider.approve(clientOf(provider).authUrl(overrides))).rejects.toThrow('no redirect: 400')
  })
})

describe('the authorization endpoint redirects an error', () => {
  test.each([
    ['when PKCE is required and missing', {}, { code_challenge: undefined }, 'invalid_request'],
    ['for a plain challenge', {}, { code_challenge_method: 'plain' }, 'invalid_request'],
    ['for another response type', {}, { response_type: 'token' }, 'unsupported_response_type'],
    ['for max_age=0 with prompt=none', {}, { max_age: '0', prompt: 'none' }, 'login_required'],
  ])('%s', async (_case, options: LabProviderOptions, overrides, error) => {
    const provider = lab.createProvider(options)
    const callback = new URL(await provider.approve(clientOf(provider).authUrl(overrides)))
    expect(callback.searchParams.get('error')).toBe(error)
    expect(callback.searchParams.has('code')).toBe(false)
  })
})

test('a verifier for a code without challenge is refused even where PKCE is optional', async () => {
  const provider = lab.createProvider({ oidc: false, pkce: 'optional' })
  const client = clientOf(provider)
  const callback = await provider.approve(client.authUrl({ code_challenge: undefined }))
  expect((await client.exchange(callback)).body['error']).toBe('invalid_grant')
})

test('a provider that ignores PKCE takes any verifier, or none', async () => {
  const provider = lab.createProvider({ oidc: false, pkce: 'ignored' })
  const client = clientOf(provider)
  const callback = await provider.approve(client.authUrl())
  expect((await client.exchange(callback, { code_verifier: 'x'.repeat(43) })).status).toBe(200)
})

describe('client authentication', () => {
  const secret = 'a:b%c+d é'
  const form = { grant_type: 'refresh_token' }

  test('Basic carries form-encoded id and secret', async () => {
    const provider = lab.createProvider({ oidc: false, clientId: 'id:1', clientSecret: secret })
    expect((await clientOf(provider).refresh(provider.issue().refreshToken)).status).toBe(200)
  })

  test('Basic without form-encoding fails for such a secret', async () => {
    const provider = lab.createProvider({ oidc: false, clientSecret: secret })
    const answer = await post(provider.tokenEndpoint, form, `lab-client:${secret}`)
    expect(answer).toEqual([401, 'invalid_client'])
  })

  test.each(['any' as const, 'client_secret_basic' as const])('a wrong secret fails under %s', async (clientAuth) => {
    const { tokenEndpoint } = lab.createProvider({ clientAuth, clientSecret: 's' })
    expect(await post(tokenEndpoint, form, 'lab-client:s1')).toEqual([401, 'invalid_client'])
  })

  test.each([
    ['client_secret_post' as const, [401, 'invalid_client'], [400, 'invalid_grant'], [401, 'invalid_client']],
    ['client_secret_basic' as const, [400, 'invalid_grant'], [401, 'invalid_client'], [401, 'invalid_client']],
    ['none' as const, [401, 'invalid_client'], [401, 'invalid_client'], [400, 'invalid_grant']],
    ['any' as const, [400, 'invalid_grant'], [400, 'invalid_grant'], [401, 'invalid_client']],
  ])('%s is enforced', async (clientAuth, withBasic, withPost, withNone) => {
    const { tokenEndpoint } = lab.createProvider({ clientAuth, clientSecret: 's' })
    const refresh = { ...form, refresh_token: 'unknown' }
    const id = { client_id: 'lab-client' }
    expect(await post(tokenEndpoint, refresh, 'lab-client:s')).toEqual(withBasic)
    expect(await post(tokenEndpoint, { ...refresh, ...id, client_secret: 's' })).toEqual(withPost)
    expect(await post(tokenEndpoint, { ...refresh, ...id })).toEqual(withNone)
  })
})

describe('the protected API route takes', () => {
  const options = { api: { apiKey: 'k-1', username: 'u', password: 'p' } }
  test.each([
    ['the key in its header', { 'x-api-key': 'k-1' }, '', 200],
    ['the key as bearer', { authorization: 'Bearer k-1' }, '', 200],
    ['the key in the query', {}, '?api_key=k-1', 200],
    ['Basic', { authorization: `Basic ${Buffer.from('u:p').toString('base64')}` }, '', 200],
    ['no wrong key', { 'x-api-key': 'k-11' }, '', 401],
    ['no wrong password', { authorization: `Basic ${Buffer.from('u:p1').toString('base64')}` }, '', 401],
    ['no anonymous caller', {}, '', 401],
  ])('%s', async (_case, headers: Record<string, string>, query, status) => {
    const provider = lab.createProvider(options)
    expect((await fetch(provider.apiUrl + query, { headers })).status).toBe(status)
  })

  test('a live access token, never in the query', async () => {
    const provider = lab.createProvider({ oidc: false })
    const { accessToken } = provider.issue()
    const authorization = `Bearer ${accessToken}`
    expect((await fetch(provider.apiUrl, { headers: { authorization } })).status).toBe(200)
    expect((await fetch(`${provider.apiUrl}?access_token=${accessToken}`)).status).toBe(400)
    provider.clock.advance(3_600_000)
    expect((await fetch(provider.apiUrl, { headers: { authorization } })).status).toBe(401)
  })
})

async function post(url: string, form: Record<string, string>, userinfo?: string): Promise<unknown[]> {
  const authorization = userinfo && `Basic ${Buffer.from(userinfo).toString('base64')}`
  const headers = authorization ? { authorization } : {}
  const response = await fetch(url, { method: 'POST', headers, body: new URLSearchParams(form) })
  const body: unknown = await response.json()
  return [response.status, typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined]
}
