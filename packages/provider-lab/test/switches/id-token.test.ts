import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createHmac, createPublicKey } from 'node:crypto'
import { startProviderLab, type LabProvider, type LabSwitch, type ProviderLab } from '../../src/index.js'
import { clientOf, decode, published, signatureIsRight } from '../client.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

// ES256 keys are made in no time; one test below keeps RSA.
const es256 = { signingAlg: 'ES256' as const }

async function idTokenWith(name: LabSwitch, provider: LabProvider = lab.createProvider(es256), value?: unknown) {
  provider.turnOn(name, { value })
  const { body } = await clientOf(provider).connect()
  return { provider, token: body['id_token'], ...decode(body['id_token']) }
}

describe('a wrong claim under a right signature', () => {
  test.each([
    ['idt.iss+1' as const, 'iss', (p: LabProvider) => `${p.issuer}1`],
    ['idt.aud+1' as const, 'aud', () => 'lab-client1'],
    ['idt.nonce+1' as const, 'nonce', () => 'nonce-11'],
    ['idt.sub+1' as const, 'sub', () => 'user-11'],
    ['idt.at_hash_wrong' as const, 'at_hash', () => expect.stringMatching(/1$/)],
    ['idt.missing_iss' as const, 'iss', () => undefined],
    ['idt.missing_sub' as const, 'sub', () => undefined],
    ['idt.missing_aud' as const, 'aud', () => undefined],
    ['idt.missing_exp' as const, 'exp', () => undefined],
    ['idt.missing_iat' as const, 'iat', () => undefined],
    ['idt.missing_nonce' as const, 'nonce', () => undefined],
    ['idt.aud_array' as const, 'aud', () => ['lab-client']],
    ['idt.aud_foreign_second' as const, 'aud', () => ['lab-client', 'someone-else']],
    ['idt.azp_foreign' as const, 'azp', () => 'someone-else'],
  ])('%s', async (name, claim, expected) => {
    const { provider, token, claims } = await idTokenWith(name)
    expect(claims[claim]).toEqual(expected(provider))
    expect(await signatureIsRight(provider, token)).toBe(true)
  })

  test.each([
    ['idt.expired' as const, undefined, 'exp', -600],
    ['idt.clock_skew' as const, 30, 'iat', 30],
    ['idt.clock_skew' as const, -600, 'nbf', -600],
    ['idt.iat_week_old' as const, undefined, 'iat', -604_800],
  ])('%s (%s) moves %s', async (name, value, claim, offsetSeconds) => {
    const { provider, claims } = await idTokenWith(name, undefined, value)
    const off = Number(claims[claim]) - Math.floor(provider.clock.now() / 1000)
    expect(Math.abs(off - offsetSeconds)).toBeLessThanOrEqual(2)
  })
})

test('idt.missing_though_openid', async () => {
  expect((await idTokenWith('idt.missing_though_openid')).token).toBeUndefined()
})

describe('a wrong signature or header', () => {
  test.each([
    ['idt.alg_none' as const, { alg: 'none' }],
    ['idt.alg_nOnE' as const, { alg: 'nOnE' }],
    ['idt.bad_sig' as const, { alg: 'ES256' }],
  ])('%s', async (name, header) => {
    const idToken = await idTokenWith(name)
    expect(idToken.header).toMatchObject(header)
    expect(await signatureIsRight(idToken.provider, idToken.token)).toBe(false)
  })

  test.each([
    ['idt.crit' as const, { crit: ['urn:lab:unknown'] }],
    ['idt.b64_false' as const, { b64: false, crit: ['b64'] }],
    ['idt.kid_unknown' as const, { kid: 'kid-of-nobody' }],
  ])('%s is rightly signed all the same', async (name, header) => {
    const idToken = await idTokenWith(name)
    expect(idToken.header).toMatchObject(header)
    expect(await signatureIsRight(idToken.provider, idToken.token)).toBe(true)
  })

  test('idt.hs256_with_public_key is what a confused verifier would accept', async () => {
    const { provider, token, header } = await idTokenWith('idt.hs256_with_public_key')
    const [jwk = {}] = await published(provider)
    const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    const [head, payload, signature] = String(token).split('.')
    expect(header['alg']).toBe('HS256')
    expect(signature).toBe(createHmac('sha256', pem.toString()).update(`${head}.${payload}`).digest('base64url'))
  })

  test('idt.alternate_alg is PS256 where RS256 was agreed', async () => {
    const { header } = await idTokenWith('idt.alternate_alg', lab.createProvider())
    expect(header['alg']).toBe('PS256')
  })

  test('idt.jwe has five parts', async () => {
    expect(String((await idTokenWith('idt.jwe')).token).split('.')).toHaveLength(5)
  })
})

describe('refresh answers', () => {
  test.each([
    ['refresh_idt.iss+1' as const, 'iss'],
    ['refresh_idt.sub+1' as const, 'sub'],
    ['refresh_idt.aud+1' as const, 'aud'],
  ])('%s leaves the first id_token alone', async (name, claim) => {
    const provider = lab.createProvider(es256)
    provider.turnOn(name)
    const client = clientOf(provider)
    const connected = await client.connect()
    const refreshed = await client.refresh(connected.body['refresh_token'])
    const [first, second] = [connected, refreshed].map(({ body }) => decode(body['id_token']).claims[claim])
    expect(second).toBe(`${String(first)}1`)
    expect(first).not.toMatch(/11$/)
  })

  test('refresh_idt.absent', async () => {
    const { provider, token } = await idTokenWith('refresh_idt.absent')
    expect(token).toBeDefined()
    const refreshed = await clientOf(provider).refresh(provider.issue().refreshToken)
    expect([refreshed.status, refreshed.body['id_token']]).toEqual([200, undefined])
  })
})

describe('keys', () => {
  test('rotateKeys changes the kid and drops the old key', async () => {
    const provider = lab.createProvider(es256)
    const [before] = await published(provider)
    provider.rotateKeys()
    const after = await published(provider)
    expect(after).toHaveLength(1)
    expect(after[0]?.['kid']).not.toBe(before?.['kid'])
  })

  test('idt.kid_absent_single and idt.kid_absent_multiple hide every kid; the last key verifies', async () => {
    const counts = []
    for (const name of ['idt.kid_absent_single', 'idt.kid_absent_multiple'] as const) {
      const { provider, token, header } = await idTokenWith(name)
      const keys = await published(provider)
      expect([header, ...keys].some((part) => 'kid' in part)).toBe(false)
      expect(await signatureIsRight(provider, token)).toBe(true)
      counts.push(keys.length)
    }
    expect(counts).toEqual([1, 3])
  })

  test('idt.duplicate_kid publishes the wrong key first', async () => {
    const { provider, token, header } = await idTokenWith('idt.duplicate_kid')
    const keys = await published(provider)
    expect(keys.map((jwk) => jwk['kid'])).toEqual([header['kid'], header['kid']])
    expect(await signatureIsRight(provider, token)).toBe(true)
  })

  test('jwks.just_before_signing makes a cached key set stale', async () => {
    const provider = lab.createProvider(es256)
    const [cached] = await published(provider)
    const { token, header } = await idTokenWith('jwks.just_before_signing', provider)
    expect(header['kid']).not.toBe(cached?.['kid'])
    expect(await signatureIsRight(provider, token)).toBe(true)
  })

  test('jwks.flood names another kid every time', async () => {
    const provider = lab.createProvider(es256)
    provider.turnOn('jwks.flood')
    const kids = [provider.issue(), provider.issue()].map(({ idToken }) => decode(idToken).header['kid'])
    expect(new Set(kids).size).toBe(2)
  })

  test.each([
    ['jwks.many_keys' as const, (keys: unknown[]) => keys.length === 10_001],
    ['jwks.oct_key' as const, ([jwk]: Array<Record<string, unknown>>) => jwk?.['kty'] === 'oct'],
    ['jwks.private_key_inside' as const, ([jwk]: Array<Record<string, unknown>>) => typeof jwk?.['d'] === 'string'],
    ['jwks.exponent_one' as const, ([jwk]: Array<Record<string, unknown>>) => jwk?.['e'] === 'AQ'],
    ['jwks.off_curve' as const, ([jwk]: Array<Record<string, unknown>>) => jwk?.['y'] === jwk?.['x']],
    ['jwks.oversized_key' as const, ([jwk]: Array<Record<string, unknown>>) => modulusBytes(jwk) === 2048],
    ['jwks.empty' as const, (keys: unknown[]) => keys.length === 0],
  ])('%s', async (name, holds) => {
    const provider = lab.createProvider(es256)
    provider.turnOn(name)
    expect(holds(await published(provider))).toBe(true)
  })

  test.each([
    ['jwks.500' as const, 500],
    ['jwks.html' as const, 200],
    ['jwks.huge' as const, 200],
    ['jwks.redirect' as const, 302],
  ])('%s', async (name, status) => {
    const provider = lab.createProvider(es256)
    provider.turnOn(name, name === 'jwks.huge' ? { value: 1_000_000 } : {})
    const response = await fetch(provider.jwksUri, { redirect: 'manual' })
    const size = (await response.text()).length
    expect(response.status).toBe(status)
    if (name === 'jwks.huge') expect(size).toBeGreaterThanOrEqual(1_000_000)
  })

  test('jwks.hang', async () => {
    const provider = lab.createProvider(es256)
    provider.turnOn('jwks.hang')
    await expect(fetch(provider.jwksUri, { signal: AbortSignal.timeout(100) })).rejects.toThrow()
  })
})

function modulusBytes(jwk: Record<string, unknown> | undefined): number {
  return Buffer.from(String(jwk?.['n']), 'base64url').length
}
