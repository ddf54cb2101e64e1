import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startProviderLab, type LabProvider, type ProviderLab } from '../../src/index.js'
import { getJson, postForm, redirectUri } from '../client.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

type Answer = { status: number; body: Record<string, unknown> }

async function send(method: string, url: string, body?: unknown, token?: string): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) }
}

const opened = (): LabProvider => lab.createProvider({ registration: 'open', pkce: 'optional' })
const wish = {
  redirect_uris: [redirectUri],
  client_name: 'a client',
  grant_types: ['authorization_code', 'refresh_token'],
}

const register = (provider: LabProvider, metadata: unknown = wish): Promise<Answer> =>
  send('POST', provider.registrationEndpoint, metadata)

const basicOf = ({ client_id, client_secret }: Record<string, unknown>): string =>
  `Basic ${btoa(`${String(client_id)}:${String(client_secret)}`)}`

/** A login of one client, whose code another may redeem. */
async function redeem(provider: LabProvider, asked: Record<string, unknown>, redeems = asked) {
  const url = new URL(provider.authorizationEndpoint)
  const query = {
    response_type: 'code',
    client_id: String(asked['client_id']),
    redirect_uri: redirectUri,
    scope: 'openid',
  }
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  const callback = new URL(await provider.approve(url.href))
  const authorization = basicOf(redeems)
  const form = { grant_type: 'authorization_code', redirect_uri: redirectUri }
  return postForm(provider.tokenEndpoint, { ...form, code: callback.searchParams.get('code') ?? '' }, { authorization })
}

test('a client registers, logs in as itself, reads its registration and removes it (RFC 7591, RFC 7592)', async () => {
  const provider = opened()
  const metadata = await getJson(`${provider.issuer}/.well-known/openid-configuration`)
  expect(metadata['registration_endpoint']).toBe(provider.registrationEndpoint)
  const { status, body } = await register(provider)
  expect([status, body]).toEqual([
    201,
    {
      ...wish,
      token_endpoint_auth_method: 'client_secret_basic',
      client_id: expect.stringMatching(/^client_/),
      client_id_issued_at: expect.any(Number),
      client_secret: expect.stringMatching(/^secret_/),
      client_secret_expires_at: 0,
      registration_access_token: expect.stringMatching(/^reg_/),
      registration_client_uri: `${provider.registrationEndpoint}/${String(body['client_id'])}`,
    },
  ])
  const tokens = await redeem(provider, body)
  expect(tokens.status).toBe(200)
  const [, claims = ''] = String(tokens.body['id_token']).split('.')
  expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ aud: body['client_id'] })

  const [uri, token] = [String(body['registration_client_uri']), String(body['registration_access_token'])]
  expect(await send('GET', uri, undefined, token)).toEqual({ status: 200, body })
  expect((await send('PUT', uri, wish, token)).status).toBe(405)
  expect((await send('DELETE', uri, undefined, token)).status).toBe(204)
  expect((await send('GET', uri, undefined, token)).status).toBe(401)
  await expect(redeem(provider, body)).rejects.toThrow('unknown client_id')
})

test('the code and the refresh token of one client are of no use to another', async () => {
  const provider = opened()
  const [one, other] = [(await register(provider)).body, (await register(provider)).body]
  const { body } = await redeem(provider, one)
  expect((await redeem(provider, one, other)).body).toMatchObject({
    error_description: 'code issued to another client',
  })
  const authorization = basicOf(other)
  const stolen = { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) }
  expect(await postForm(provider.tokenEndpoint, stolen, { authorization })).toMatchObject({
    status: 400,
    body: { error: 'invalid_grant', error_description: 'issued to another client' },
  })
  const revoked = await fetch(provider.revocationEndpoint, {
    method: 'POST',
    headers: { authorization },
    body: new URLSearchParams({ token: stolen.refresh_token }),
  })
  expect([revoked.status, provider.oracle().families[0]?.alive]).toEqual([400, true])
})

describe('a registration is refused', () => {
  test.each([
    ['without redirect_uris', { ...wish, redirect_uris: [] }, 'invalid_redirect_uri'],
    ['with a fragment', { ...wish, redirect_uris: [`${redirectUri}#x`] }, 'invalid_redirect_uri'],
    ['with another scheme', { ...wish, redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'],
    ['with a grant it does not have', { ...wish, grant_types: ['password'] }, 'invalid_client_metadata'],
    ['with another response type', { ...wish, response_types: ['token'] }, 'invalid_client_metadata'],
    ['with an unknown method', { ...wish, token_endpoint_auth_method: 'magic' }, 'invalid_client_metadata'],
    ['with an unknown application type', { ...wish, application_type: 'toaster' }, 'invalid_client_metadata'],
    [
      'for private_key_jwt without a key',
      { ...wish, token_endpoint_auth_method: 'private_key_jwt' },
      'invalid_client_metadata',
    ],
    ['that is a list', [wish], 'invalid_client_metadata'],
    ['that is no JSON', '{"redirect_uris":', 'invalid_client_metadata'],
  ])('%s', async (_what, metadata, error) => {
    expect(await register(opened(), metadata)).toMatchObject({ status: 400, body: { error } })
  })

  test('by a provider that was not told to be open', async () => {
    const provider = lab.createProvider()
    expect((await register(provider)).status).toBe(404)
    const metadata = await getJson(`${provider.issuer}/.well-known/openid-configuration`)
    expect(metadata).not.toHaveProperty('registration_endpoint')
  })

  test('dcr.off: by one that was', async () => {
    const provider = opened()
    provider.turnOn('dcr.off')
    expect((await register(provider)).status).toBe(404)
    const metadata = await getJson(`${provider.issuer}/.well-known/openid-configuration`)
    expect(metadata).not.toHaveProperty('registration_endpoint')
  })

  test('dcr.invalid_client_metadata: with the error that was asked for', async () => {
    const provider = opened()
    provider.turnOn('dcr.invalid_client_metadata', { mode: 'times', n: 1 })
    expect(await register(provider)).toMatchObject({ status: 400, body: { error: 'invalid_client_metadata' } })
    expect((await register(provider)).status).toBe(201)
    provider.turnOn('dcr.invalid_client_metadata', { value: 'invalid_redirect_uri' })
    expect((await register(provider)).body).toMatchObject({ error: 'invalid_redirect_uri' })
  })
})

test('dcr.changed_secret: whoever reads the registration has a new secret, and the old one ends', async () => {
  const provider = opened()
  const { body } = await register(provider)
  provider.turnOn('dcr.changed_secret')
  const uri = String(body['registration_client_uri'])
  const read = await send('GET', uri, undefined, String(body['registration_access_token']))
  expect(read.body['client_secret']).not.toBe(body['client_secret'])
  expect((await redeem(provider, body)).body).toMatchObject({ error: 'invalid_client' })
  expect((await redeem(provider, read.body)).status).toBe(200)
})

test('a wrong registration token is told nothing, not even whether there is such a client', async () => {
  const provider = opened()
  const { body } = await register(provider)
  const foreign = await send('GET', String(body['registration_client_uri']), undefined, 'reg_guess')
  const unknown = await send('GET', `${provider.registrationEndpoint}/client_nobody`, undefined, 'reg_guess')
  expect(foreign).toEqual(unknown)
  expect(foreign.status).toBe(401)
})
