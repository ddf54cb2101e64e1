import { describe, expect, test } from '@jest/globals'
import { type ExpectedClaims, judgeClaims } from '../../src/oauth/id-token-claims.js'

const nowSeconds = 1_800_000_000
const issuer = 'https://op.example'
const claims = { iss: issuer, sub: 'ada', aud: 'client', exp: nowSeconds + 300, iat: nowSeconds, nonce: 'n' }
const expected: ExpectedClaims = {
  issuer,
  issuerTemplate: undefined,
  maxLoginAgeSeconds: 600,
  clientId: 'client',
  nonce: { value: 'n', isRequired: true },
  accessToken: undefined,
  occasion: 'login',
  nowSeconds,
}

const judge = (changed: Record<string, unknown>, want: Partial<ExpectedClaims> = {}) => {
  try {
    return judgeClaims({ ...claims, ...changed }, 'RS256', { ...expected, ...want })
  } catch (error) {
    return error instanceof Error ? error.message.replace('the id_token did not verify: ', '') : error
  }
}
const account = { issuer, subject: 'ada', label: undefined }

describe('times have a tolerance of sixty seconds', () => {
  test.each([
    ['iat 30 s ahead', { iat: nowSeconds + 30 }, account],
    ['iat 10 min ahead', { iat: nowSeconds + 600 }, 'it is not valid yet'],
    ['nbf 30 s ahead', { nbf: nowSeconds + 30 }, account],
    ['nbf 10 min ahead', { nbf: nowSeconds + 600 }, 'it is not valid yet'],
    ['exp 30 s ago', { exp: nowSeconds - 30 }, account],
    ['exp 60 s ago', { exp: nowSeconds - 60 }, 'it has expired'],
    ['iat 10 min ago', { iat: nowSeconds - 600 }, account],
    ['iat 11 min ago', { iat: nowSeconds - 660 }, 'it was issued too long ago for a fresh login'],
    ['exp as text', { exp: String(nowSeconds + 300) }, 'a required claim is missing or malformed'],
    ['exp NaN', { exp: Number.NaN }, 'a required claim is missing or malformed'],
  ])('%s (A56)', (_what, changed, outcome) => {
    expect(judge(changed)).toEqual(outcome)
  })

  test('an iat far ahead is refused although nbf has passed', () => {
    expect(judge({ iat: nowSeconds + 600, nbf: nowSeconds })).toBe('it is not valid yet')
  })
})

describe('audience', () => {
  test.each([
    ['repeated', { aud: ['client', 'client'] }, account],
    ['another', { aud: 'client1' }, 'it is meant for another client'],
    [
      'another, though it says that we asked for it',
      { aud: 'client1', azp: 'client' },
      'it is meant for another client',
    ],
    ['none', { aud: [] }, 'a required claim is missing or malformed'],
    ['a second one without azp', { aud: ['client', 'other'] }, 'it is meant for other clients too'],
    ['a second one, issued to us', { aud: ['client', 'other'], azp: 'client' }, account],
    ['a second one, issued to it', { aud: ['client', 'other'], azp: 'other' }, 'it was issued to another client'],
    ['ours, issued to another', { azp: 'other' }, 'it was issued to another client'],
  ])('%s', (_what, changed, outcome) => {
    expect(judge(changed)).toEqual(outcome)
  })
})

describe('nonce', () => {
  const notEchoed = { nonce: { value: undefined, isRequired: false } }
  test('is required at a login, unless the provider does not echo it', () => {
    expect(judge({ nonce: undefined })).toBe('it carries no nonce')
    expect(judge({ nonce: undefined }, notEchoed)).toEqual(account)
  })

  test('a flow that lost its nonce accepts no token', () => {
    expect(judge({}, { nonce: { value: undefined, isRequired: true } })).toBe(
      'it answers another authorization request',
    )
  })

  test('may be absent from a refreshed token, and wrong in none', () => {
    const refresh = { occasion: 'refresh' } as const
    expect(judge({ nonce: undefined }, refresh)).toEqual(account)
    expect(judge({ nonce: 'other' }, refresh)).toBe('it answers another authorization request')
    expect(judge({ nonce: 'first' }, { ...refresh, nonce: { value: undefined, isRequired: true } })).toEqual(account)
  })
})

describe('an issuer template', () => {
  const tid = '72f988bf-86f1-41af-91ab-2d7cd011db47'
  const template = 'https://login.test/{tenantid}/v2.0'
  const templated = { issuerTemplate: template, issuer: 'https://login.test/common/v2.0' }
  const iss = `https://login.test/${tid}/v2.0`

  test('is filled by the token’s tenant', () => {
    expect(judge({ iss, tid }, templated)).toEqual({ ...account, issuer: iss })
  })

  test.each([
    ['another tenant', { iss, tid: tid.replace('7', '8') }, 'its issuer does not fit the template'],
    ['no tenant', { iss }, 'it names no tenant'],
    ['a path for a tenant', { iss: 'https://login.test/../x/v2.0', tid: '../x' }, 'it names no tenant'],
    ['the template itself', { iss: template, tid: '{tenantid}' }, 'it names no tenant'],
    ['the configured alias', { iss: 'https://login.test/common/v2.0', tid }, 'its issuer does not fit the template'],
  ])('%s', (_what, changed, outcome) => {
    expect(judge(changed, templated)).toBe(outcome)
  })
})

test.each([
  ['', false],
  ['a'.repeat(255), true],
  ['a'.repeat(256), false],
  ['é', false],
  ['a\nb', false],
  [7, false],
])('a subject is 1 to 255 ASCII characters: %.10s', (sub, isFine) => {
  expect(judge({ sub })).toEqual(isFine ? { ...account, subject: sub } : 'a required claim is missing or malformed')
})

test.each([
  [{ email: 'ada@example.test', name: 'Ada' }, 'ada@example.test'],
  [{ preferred_username: 'ada', name: 'Ada' }, 'ada'],
  [{ email: 7, name: ' Ada Lovelace ' }, 'Ada Lovelace'],
  [{ email: 'a\u202Eb', name: 'Ada' }, 'Ada'],
  [{ name: 'a\r\nb' }, undefined],
  [{ name: 'a'.repeat(201) }, undefined],
])('the label is the first name people can be shown: %j', (changed, label) => {
  expect(judge(changed)).toEqual({ ...account, label })
})
