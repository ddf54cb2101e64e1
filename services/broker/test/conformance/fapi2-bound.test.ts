import { generateKeyPairSync } from 'node:crypto'
import type { LabSwitch } from 'dromos-lab'
import { describe, expect, test } from '@jest/globals'
import { provideForSuite } from '../harness/more-providers.js'
import { refreshOf } from '../harness/person.js'
import type { TestBroker } from '../harness/test-broker.js'
import { login, type Outcome } from './outcome.js'

// FAPI 2.0 Security Profile, fapi2-security-profile-final-client-test-*: the rows with PAR, DPoP and private_key_jwt
// together, through `security_profile: fapi2` alone.

const providers = provideForSuite()

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

const profile = {
  security_profile: 'fapi2',
  client_secret: null,
  client_private_key: { ...privateKey.export({ format: 'jwk' }), kid: '2026-11' },
  id_token: null,
}

async function fapi2Login(...names: LabSwitch[]): Promise<{ op: TestBroker; id: string; outcome: Outcome }> {
  const op = await providers.add({
    provider: {
      par: 'required',
      dpop: 'required',
      clientAuth: 'private_key_jwt',
      clientJwk: publicKey.export({ format: 'jwk' }),
    },
    profile,
  })
  for (const name of names) op.provider.turnOn(name)
  const { connectionId, outcome } = await login(op)
  return { op, id: connectionId, outcome }
}

const assertionsSent = (op: TestBroker) =>
  [...op.provider.journal('par'), ...op.provider.journal('token')].map(({ form }) => {
    const [header = '', claims = ''] = (form.client_assertion ?? '').split('.')
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>
    return { header: read(header), claims: read(claims), secret: form.client_secret }
  })

const active = { connection: { status: 'active', reason: null }, stored: { subject: 'user-1' } }

test('fapi2-security-profile-final-client-test-happy-path', async () => {
  const { op, id, outcome } = await fapi2Login('tok.dpop_nonce', 'rs.dpop_nonce')
  // One authorization, one code, and nothing but the answers with a nonce was asked twice.
  expect(outcome).toMatchObject({ ...active, calls: { token: 2, userinfo: 2, attacker: 0 } })
  expect(op.provider.journal('authorize').map(({ query }) => Object.keys(query).sort())).toEqual([
    ['client_id', 'request_uri'],
  ])
  expect((await refreshOf(op, id)).body).toMatchObject({ token_type: 'DPoP', token_version: 2 })
  expect(op.provider.oracle()).toMatchObject({ refreshes: 1, reuseCount: 0 })
})

test('fapi2-security-profile-final-client-test-happy-path-no-dpop-nonce', async () => {
  const { outcome } = await fapi2Login()
  expect(outcome).toMatchObject({ ...active, calls: { token: 1, userinfo: 1, attacker: 0 } })
})

test('fapi2-security-profile-final-client-test-rs-dpop-auth-scheme-case-insensitivity', async () => {
  const { outcome } = await fapi2Login('rs.dpop_nonce', 'rs.dpop_scheme_case')
  expect(outcome).toMatchObject({ ...active, calls: { userinfo: 2 } })
})

test('each assertion is new, names the issuer as its one audience and the key that signed it', async () => {
  const { op } = await fapi2Login('tok.dpop_nonce')
  const sent = assertionsSent(op)
  expect(sent).toHaveLength(3)
  expect(new Set(sent.map(({ claims }) => claims.jti)).size).toBe(3)
  for (const { header, claims, secret } of sent) {
    expect(header).toMatchObject({ alg: 'ES256', kid: '2026-11' })
    expect(claims).toMatchObject({ aud: op.provider.issuer, iss: op.provider.clientId, sub: op.provider.clientId })
    expect(secret).toBeUndefined()
  }
})

test('the provider finds the public half of the key, and nothing private, without a key of ours', async () => {
  const { op } = await fapi2Login()
  const answer = await op.call('GET', `/auth/jwks/${op.providerId}`, { key: null })
  expect(answer.status).toBe(200)
  const { x, y } = publicKey.export({ format: 'jwk' })
  expect(answer.body).toEqual({ keys: [{ kty: 'EC', crv: 'P-256', x, y, kid: '2026-11', use: 'sig' }] })
  const none = await op.call('GET', '/auth/jwks/11111111-2222-4333-8444-555555555555', { key: null })
  expect(none).toMatchObject({ status: 404, body: { code: 'provider_not_found' } })
})

describe('a profile is refused', () => {
  const { d: _private, ...half } = privateKey.export({ format: 'jwk' })
  test.each<[string, Record<string, unknown>, string]>([
    ['that loosens fapi2: no PAR', { par: 'off' }, 'par'],
    ['that loosens fapi2: bearer tokens', { dpop: false }, 'dpop'],
    ['that loosens fapi2: a shared secret', { client_auth: 'client_secret_post' }, 'client_auth'],
    ['that loosens fapi2: no iss', { sends_issuer: false }, 'sends_issuer'],
    ['with a symmetric client key', { client_private_key: { kty: 'oct', k: 'c2VjcmV0' } }, 'client_private_key'],
    ['with a public client key', { client_private_key: half }, 'client_private_key'],
    ['with a key of another algorithm', { client_private_key: { ...half, d: 'x', alg: 'HS256' } }, 'alg'],
  ])('%s', async (_what, change, named) => {
    const complete = { name: 'weak', client_id: 'c', issuer: 'https://op.example', enable_discovery: true, ...profile }
    const answer = await providers
      .broker()
      .call('POST', '/providers', { body: { profile: { ...complete, ...change } } })
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_provider' } })
    expect(String(answer.body.message)).toContain(named)
  })
})
