import { generateKeyPairSync } from 'node:crypto'
import { type LabProvider, type LabProviderOptions, type ProviderLab, startProviderLab } from 'dromos-lab'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { importJWK, jwtVerify } from 'jose'
import type { OAuthProvider } from '../../src/domain/provider.js'
import { consent, exchange, profileOf, redirectUri, refresh, secretsOf, testOAuth } from './oauth-lab.js'
import { startHttp } from './raw-server.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

const oauth = testOAuth()
const formOf = (op: LabProvider, n = -1) => op.journal('token').at(n)?.form

test('a consent is exchanged with the verifier and the redirect URI it began with, and the tokens come back', async () => {
  const op = lab.createProvider({ signingAlg: 'ES256' })
  const provider = profileOf(op, { token_params: { audience: 'api' } })
  const call = await exchange(oauth, provider, op.clientSecret, await consent(oauth, op, provider))
  expect(call).toMatchObject({ kind: 'answer', answer: { answer: { tokenType: 'Bearer', expiresInSeconds: 3600 } } })
  expect(formOf(op)).toMatchObject({ grant_type: 'authorization_code', redirect_uri: redirectUri, audience: 'api' })
  expect(op.journal('token')).toHaveLength(1)
})

test('a profile’s parameters cannot replace the grant’s own', async () => {
  const op = lab.createProvider({ signingAlg: 'ES256' })
  const given = profileOf(op)
  const provider = {
    ...given,
    parameters: { ...given.parameters, refresh: { refresh_token: 'evil', grant_type: 'evil' } },
  }
  await refresh(oauth, provider, op.issue().refreshToken, { secrets: [op.clientSecret] })
  expect(formOf(op)).toMatchObject({ grant_type: 'refresh_token', refresh_token: expect.stringMatching(/^rt_/) })
})

describe('client authentication is the same at exchange and refresh', () => {
  const odd = 'a:b%c+d é&=/ü~'
  const both = async (options: LabProviderOptions, members: Record<string, unknown>) => {
    const op = lab.createProvider({ signingAlg: 'ES256', clientSecret: odd, clientId: 'id:with%odd chars', ...options })
    const provider = profileOf(op, members)
    const first = await exchange(oauth, provider, odd, await consent(oauth, op, provider))
    const refreshToken = first.kind === 'answer' ? (first.answer.answer.refreshToken ?? '') : ''
    const second = await refresh(oauth, provider, refreshToken, { secrets: [odd] })
    return { kinds: [first.kind, second.kind], requests: op.journal('token') }
  }

  test('client_secret_basic providers get HTTP Basic at the refresh too, form-encoded (fault 39)', async () => {
    const { kinds, requests } = await both(
      { clientAuth: 'client_secret_basic' },
      { client_auth: 'client_secret_basic' },
    )
    expect(kinds).toEqual(['answer', 'answer'])
    for (const { form, headers } of requests) {
      expect(headers['authorization']).toMatch(/^Basic /)
      expect(form).not.toHaveProperty('client_secret')
    }
  })

  test('the legacy auth_header means Basic at both, too (fault 39)', async () => {
    expect((await both({ clientAuth: 'client_secret_basic' }, { auth_header: 'client_secret_basic' })).kinds).toEqual([
      'answer',
      'answer',
    ])
  })

  test.each([
    ['a v1 auth_header of another name means the body', { auth_header: 'anything' }],
    ['without either, and without metadata, it is the body', {}],
  ])('%s', async (_what, members) => {
    const { kinds, requests } = await both({ clientAuth: 'client_secret_post' }, members)
    expect(kinds).toEqual(['answer', 'answer'])
    for (const { headers } of requests) expect(headers).not.toHaveProperty('authorization')
  })

  test('what the profile says wins over what the metadata says', async () => {
    const op = lab.createProvider({ signingAlg: 'ES256', clientAuth: 'client_secret_post' })
    op.turnOn('disc.missing_endpoint', { value: 'token_endpoint_auth_methods_supported' }) // which means Basic
    const members = { issuer: op.issuer, enable_discovery: true }
    const call = async (provider: OAuthProvider) =>
      (await exchange(oauth, provider, op.clientSecret, await consent(oauth, op, provider))).kind
    expect(await call(profileOf(op, { ...members, client_auth: 'client_secret_post' }))).toBe('answer')
    expect(await call(profileOf(op, members))).toBe('refusal')
  })

  test('client_secret_post', async () => {
    const { kinds, requests } = await both({ clientAuth: 'client_secret_post' }, { client_auth: 'client_secret_post' })
    expect(kinds).toEqual(['answer', 'answer'])
    for (const { headers } of requests) expect(headers).not.toHaveProperty('authorization')
  })

  test('none', async () => {
    const { kinds, requests } = await both({ clientAuth: 'none' }, { client_auth: 'none', client_secret: null })
    expect(kinds).toEqual(['answer', 'answer'])
    for (const { form } of requests) expect(form).not.toHaveProperty('client_secret')
  })

  test.each([
    ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['EdDSA', generateKeyPairSync('ed25519')],
  ] as const)(
    'private_key_jwt signs with %s for the issuer, or else for the token endpoint',
    async (alg, { privateKey, publicKey }) => {
      const op = lab.createProvider({ signingAlg: 'ES256' })
      const provider = profileOf(op, { client_auth: 'private_key_jwt' })
      const endpoints = await oauth.metadata.endpoints(provider, {})
      const privateKeyJwk = { ...privateKey.export({ format: 'jwk' }), kid: 'our-key' }
      for (const issuer of [op.issuer, undefined]) {
        const input = {
          endpoints: { ...endpoints, issuer },
          redirectUri,
          refreshToken: 'r',
          scopes: [],
          mayStillSend: () => true,
        }
        await oauth.tokenEndpoint.refresh(provider, { secrets: [], privateKeyJwk }, input)
        const form = formOf(op)
        const key = await importJWK(publicKey.export({ format: 'jwk' }), alg)
        const { payload, protectedHeader } = await jwtVerify(form?.['client_assertion'] ?? '', key, {
          issuer: op.clientId,
          subject: op.clientId,
          audience: issuer ?? op.tokenEndpoint,
          requiredClaims: ['jti', 'iat', 'exp'],
        })
        expect(protectedHeader).toEqual({ alg, kid: 'our-key' })
        expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(60)
        expect(form?.['client_assertion_type']).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
      }
    },
  )

  test.each([
    ['no secret', { secrets: [], privateKeyJwk: undefined }, 'client_secret_post'],
    ['no key', { secrets: [], privateKeyJwk: undefined }, 'private_key_jwt'],
    [
      'a public key',
      { secrets: [], privateKeyJwk: generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }) },
      'private_key_jwt',
    ],
    ['nonsense for a key', { secrets: [], privateKeyJwk: { kty: 'RSA', d: 'x' } }, 'private_key_jwt'],
  ])('with %s nothing is sent', async (_what, secrets, client_auth) => {
    const op = lab.createProvider({ signingAlg: 'ES256' })
    const provider = profileOf(op, { client_auth })
    const endpoints = await oauth.metadata.endpoints(provider, {})
    const input = { endpoints, redirectUri, refreshToken: 'r', scopes: [], mayStillSend: () => true }
    expect(await oauth.tokenEndpoint.refresh(provider, secrets, input)).toEqual({
      kind: 'unsent',
      why: 'no_client_secret',
    })
    expect(op.journal('token')).toEqual([])
  })
})

describe('several secrets', () => {
  test('are tried in order while the provider says invalid_client', async () => {
    const op = lab.createProvider({ signingAlg: 'ES256' })
    const { refreshToken } = op.issue()
    const call = await refresh(oauth, profileOf(op), refreshToken, { secrets: ['old', op.clientSecret, 'never'] })
    expect(call.kind).toBe('answer')
    expect(op.journal('token').map(({ form }) => form['client_secret'])).toEqual(['old', op.clientSecret])
  })

  test('the last refusal stands when none is right', async () => {
    const op = lab.createProvider({ signingAlg: 'ES256' })
    const call = await refresh(oauth, profileOf(op), op.issue().refreshToken, { secrets: ['one', 'two'] })
    expect(call).toMatchObject({ kind: 'refusal', refusal: { httpStatus: 401, error: 'invalid_client' } })
    expect(op.journal('token')).toHaveLength(2)
  })

  test.each([
    ['another refusal', (op: LabProvider) => op.replies({ status: 400, body: { error: 'invalid_grant' } })],
    ['a 401 without a code', (op: LabProvider) => op.replies({ status: 401, body: 'no' })],
    ['a 5xx', (op: LabProvider) => op.turnOn('tok.5xx')],
    ['a lost connection', (op: LabProvider) => op.turnOn('tok.reset_after_rotate')],
  ])('are not tried after %s: one call is one call', async (_what, arrange) => {
    const op = lab.createProvider({ signingAlg: 'ES256' })
    arrange(op)
    await refresh(oauth, profileOf(op), op.issue().refreshToken, { secrets: [op.clientSecret, 'second'] })
    expect(op.journal('token')).toHaveLength(1)
  })
})

describe('the request has the shape the profile asks for', () => {
  const refreshWith = async (members: Record<string, unknown>, op = lab.createProvider({ signingAlg: 'ES256' })) => {
    const call = await refresh(oauth, profileOf(op, members), op.issue().refreshToken, {
      secrets: [op.clientSecret],
      scopes: ['openid', 'offline_access'],
    })
    return { call, request: op.journal('token').at(-1) }
  }

  test('nothing beyond RFC 6749 section 6 by default', async () => {
    const { call, request } = await refreshWith({})
    expect(call.kind).toBe('answer')
    expect(Object.keys(request?.form ?? {}).sort()).toEqual([
      'client_id',
      'client_secret',
      'grant_type',
      'refresh_token',
    ])
    expect(request?.headers).toMatchObject({
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
    })
  })

  test('scope, redirect URI and parameters at the refresh, sent to the refresh URL', async () => {
    const op = lab.createProvider({ signingAlg: 'ES256' })
    op.turnOn('rt.scope_required')
    op.turnOn('rt.redirect_uri_required')
    const profile = {
      scope_on_refresh: true,
      redirect_uri_on_refresh: true,
      refresh_params: { x: 'y' },
      refresh_url: op.refreshEndpoint,
    }
    const { call, request } = await refreshWith(profile, op)
    expect(call.kind).toBe('answer')
    expect(request?.form).toMatchObject({ scope: 'openid offline_access', redirect_uri: redirectUri, x: 'y' })
    expect(request?.path).toBe(new URL(op.refreshEndpoint).pathname)
  })

  test('scope at the exchange', async () => {
    const op = lab.createProvider({ signingAlg: 'ES256' })
    const provider = profileOf(op, { scope_on_exchange: true, scope_separator: ',' })
    const { snapshot, code } = await consent(oauth, op, provider)
    const input = { snapshot, code, codeVerifier: undefined, scopes: ['a', 'b'] }
    await oauth.tokenEndpoint.exchange(provider, secretsOf(op.clientSecret), input)
    expect(formOf(op)).toMatchObject({ scope: 'a,b' })
    expect(formOf(op)).not.toHaveProperty('code_verifier')
  })

  test('a JSON body, with the length announced', async () => {
    const seen: unknown[] = []
    const server = await startHttp((request, response) => {
      let body = ''
      request.on('data', (data: Buffer) => (body += data.toString()))
      request.on('end', () => {
        seen.push(request.headers['content-type'], request.headers['content-length'], JSON.parse(body))
        response.end('{"access_token":"a"}')
      })
    })
    const provider = profileOf(undefined, {
      body_format: 'json',
      auth_url: 'https://op.example/a',
      token_url: `http://127.0.0.1:${server.port}/token`,
    })
    expect(await refresh(oauth, provider, 'r-é', { secrets: ['s'] })).toMatchObject({ kind: 'answer' })
    const body = { grant_type: 'refresh_token', refresh_token: 'r-é', client_id: 'client', client_secret: 's' }
    expect(seen).toEqual(['application/json', String(Buffer.byteLength(JSON.stringify(body))), body])
    await server.close()
  })
})
