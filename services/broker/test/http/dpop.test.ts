import { describe, expect, test } from '@jest/globals'
import { type AddedProviderOptions, provideForSuite } from '../harness/more-providers.js'
import { approved, comeBack, connected, readTokenOf, refreshOf, resultOf } from '../harness/person.js'
import type { TestBroker } from '../harness/test-broker.js'

// Tokens bound to a key (RFC 9449): one key per connection, kept by the broker; agents get proofs.

const providers = provideForSuite()

const binding = (options: AddedProviderOptions = {}): Promise<TestBroker> =>
  providers.add({
    ...options,
    provider: { dpop: 'required', ...options.provider },
    profile: { dpop: true, ...options.profile },
  })

const proofOf = (op: TestBroker, id: string, body: object) => op.call('POST', `/connections/${id}/dpop-proof`, { body })

type Jwt = { header: Record<string, unknown>; claims: Record<string, unknown> }
function read(jwt: unknown): Jwt {
  const [header = '', claims = ''] = String(jwt).split('.')
  const part = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>
  return { header: part(header), claims: part(claims) }
}

const proofsSent = (op: TestBroker): Jwt[] => op.provider.journal('token').map(({ headers }) => read(headers.dpop))

/** What an agent does: token, proof, request; once more when the server wants a nonce. */
async function callApi(op: TestBroker, id: string, how: { scheme?: string; proof?: string } = {}): Promise<number> {
  const { body } = await readTokenOf(op, id)
  const attempt = async (nonce?: string): Promise<Response> => {
    const proof = how.proof ?? (await proofOf(op, id, { method: 'GET', url: op.provider.apiUrl, nonce })).body.proof
    const headers = { authorization: `${how.scheme ?? 'DPoP'} ${String(body.access_token)}`, dpop: String(proof) }
    return fetch(op.provider.apiUrl, { headers })
  }
  const first = await attempt()
  const nonce = first.headers.get('dpop-nonce')
  return nonce === null || first.status !== 401 ? first.status : (await attempt(nonce)).status
}

describe('an agent uses a bound token with a proof for each request', () => {
  test('and with nothing less', async () => {
    const op = await binding()
    const id = await connected(op)
    const { body } = await readTokenOf(op, id)
    expect(body.token_type).toBe('DPoP')
    expect(await callApi(op, id)).toBe(200)
    expect(await callApi(op, id, { scheme: 'Bearer' })).toBe(401)
    const { proof, token_version } = (await proofOf(op, id, { method: 'GET', url: op.provider.apiUrl })).body
    expect(token_version).toBe(body.token_version)
    expect(await callApi(op, id, { proof: String(proof) })).toBe(200)
    expect(await callApi(op, id, { proof: String(proof) })).toBe(401) // used up
    const elsewhere = (await proofOf(op, id, { method: 'POST', url: op.provider.apiUrl })).body.proof
    expect(await callApi(op, id, { proof: String(elsewhere) })).toBe(401)
  })

  test('with the nonce its server asks for, in whatever case the challenge is', async () => {
    const op = await binding({ profile: { dpop: true } })
    op.provider.turnOn('rs.dpop_nonce')
    op.provider.turnOn('rs.dpop_scheme_case')
    expect(await callApi(op, await connected(op))).toBe(200)
  })

  test('that names neither query nor fragment, and holds no private member', async () => {
    const op = await binding()
    const id = await connected(op)
    const { proof } = (await proofOf(op, id, { method: 'POST', url: 'https://api.example/a/b?secret=1#x' })).body
    const { header, claims } = read(proof)
    expect(header).toMatchObject({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty: 'EC', crv: 'P-256' } })
    expect(Object.keys(header.jwk as object).sort()).toEqual(['crv', 'kty', 'x', 'y'])
    expect(claims).toMatchObject({ htm: 'POST', htu: 'https://api.example/a/b', ath: expect.any(String) })
    expect(Buffer.from(String(claims.jti), 'base64url').length).toBeGreaterThanOrEqual(12)
  })
})

test('one key serves a connection for life, and no other connection', async () => {
  const op = await binding()
  const [first, second] = [await connected(op), await connected(op)]
  await refreshOf(op, first)
  expect(await callApi(op, first)).toBe(200)
  const keys = proofsSent(op).map(({ header }) => JSON.stringify(header.jwk))
  expect(keys[2]).toBe(keys[0])
  expect(keys[1]).not.toBe(keys[0])
  expect(op.provider.oracle()).toMatchObject({ refreshes: 1, reuseCount: 0 })
  expect(second).not.toBe(first)
})

test('the authorization code is bound to the key too, and a public client can refresh', async () => {
  const op = await binding({ provider: { clientAuth: 'none' }, profile: { client_auth: 'none', client_secret: null } })
  const id = await connected(op)
  expect(op.provider.journal('authorize')[0]?.query.dpop_jkt).toMatch(/^[\w-]{43}$/)
  expect((await refreshOf(op, id)).body).toMatchObject({ token_version: 2, token_type: 'DPoP' })
})

describe('a token endpoint that wants a nonce', () => {
  test('gets it in a second request of the login, and at once from then on', async () => {
    const op = await binding()
    op.provider.turnOn('tok.dpop_nonce')
    const id = await connected(op)
    await refreshOf(op, id)
    const proofs = proofsSent(op).map(({ claims }) => claims)
    expect(proofs.map(({ nonce }) => nonce)).toEqual([undefined, 'as-nonce-1', 'as-nonce-1'])
    expect(new Set(proofs.map(({ jti }) => jti)).size).toBe(3)
  })

  test('that changed may be shown the same refresh token again: it was not processed', async () => {
    const op = await binding()
    op.provider.turnOn('tok.dpop_nonce')
    const id = await connected(op)
    op.provider.turnOn('tok.dpop_nonce', { value: 'as-nonce-2' })
    expect((await refreshOf(op, id)).body.token_version).toBe(2)
    const shown = op.provider.journal('token').flatMap(({ form }) => form.refresh_token ?? [])
    expect(shown).toEqual([shown[0], shown[0]])
    expect(op.provider.oracle()).toMatchObject({ refreshes: 1, reuseCount: 0, families: [{ alive: true }] })
  })

  test('and never has enough is asked twice and no more; the connection stays as it is', async () => {
    const op = await binding()
    const id = await connected(op)
    for (let each = 0; each < 2; each++)
      op.provider.replies({ status: 400, headers: { 'dpop-nonce': `n${each}` }, body: { error: 'use_dpop_nonce' } })
    expect((await refreshOf(op, id)).body.code).toBe('provider_misconfigured')
    expect(op.provider.journal('token').slice(1)).toHaveLength(2)
    expect((await op.call('GET', `/connections/${id}/status`)).body.status).toBe('active')
  })
})

describe('a bearer token where a bound one was asked for', () => {
  test('ends the consent', async () => {
    const op = await binding()
    op.provider.turnOn('tok.token_type_dpop_downgrade')
    const { callbackUrl, cookie, connectionId } = await approved(op)
    expect(resultOf(await comeBack(op, callbackUrl, cookie)).error).toBe('dpop_downgrade')
    expect((await readTokenOf(op, connectionId)).body.code).toBe('connection_not_active')
  })

  test.each([['openid'], ['profile']])('is never served after a refresh, scope %s', async (scope) => {
    const op = await binding()
    const id = await connected(op, { scopes: [scope] })
    op.provider.turnOn('tok.token_type_dpop_downgrade')
    const refusal = { code: 'attention_required', connection_reason: 'dpop_downgrade' }
    expect((await refreshOf(op, id)).body).toMatchObject(refusal)
    expect((await readTokenOf(op, id)).body).toMatchObject(refusal)
  })

  test('from a provider that does not know proofs at all ends the consent as well', async () => {
    const op = await binding({ provider: { dpop: 'off' } })
    const { callbackUrl, cookie } = await approved(op)
    expect(resultOf(await comeBack(op, callbackUrl, cookie)).error).toBe('dpop_downgrade')
  })
})

describe('a proof is refused', () => {
  test('for a bearer token', async () => {
    const op = await providers.add()
    const id = await connected(op)
    const answer = await proofOf(op, id, { method: 'GET', url: 'https://api.example/' })
    expect(answer).toMatchObject({ status: 400, body: { code: 'token_not_bound' } })
  })

  test('of a connection nobody knows', async () => {
    const unknown = `cn_${'0'.repeat(32)}`
    const answer = await proofOf(providers.broker(), unknown, { method: 'GET', url: 'https://api.example/' })
    expect(answer).toMatchObject({ status: 404, body: { code: 'connection_not_found' } })
  })

  test.each([
    ['a relative URL', { method: 'GET', url: '/mail' }],
    ['plain http', { method: 'GET', url: 'http://api.example/' }],
    ['a URL with a password', { method: 'GET', url: 'https://u:p@api.example/' }],
    ['no method', { url: 'https://api.example/' }],
    ['a method that is none', { method: 'get it', url: 'https://api.example/' }],
    ['a nonce no header can hold', { method: 'GET', url: 'https://api.example/', nonce: 'a"b' }],
  ])('for %s', async (_what, body) => {
    const op = await binding()
    expect((await proofOf(op, await connected(op), body)).status).toBe(400)
  })
})
