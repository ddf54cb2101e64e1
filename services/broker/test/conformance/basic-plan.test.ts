import type { LabSwitch } from 'dromos-lab'
import { describe, expect, test } from '@jest/globals'
import { type AddedProviderOptions, provideForSuite } from '../harness/more-providers.js'
import { connected } from '../harness/person.js'
import type { TestBroker } from '../harness/test-broker.js'
import { accepted, issuedTokens, login, rejected } from './outcome.js'

// OpenID conformance suite, oidcc-client-basic-certification-test-plan: response_type code, client_secret_basic.

const providers = provideForSuite()

async function at(name?: LabSwitch, options: AddedProviderOptions = {}): Promise<TestBroker> {
  const op = await providers.add(options)
  if (name !== undefined) op.provider.turnOn(name)
  return op
}
const rs256 = { provider: { signingAlg: 'RS256' } } as const

describe('the broker accepts', () => {
  test.each<[string, LabSwitch | undefined, AddedProviderOptions]>([
    ['oidcc-client-test', undefined, {}],
    ['oidcc-client-test-kid-absent-single-jwks', 'idt.kid_absent_single', rs256],
    ['oidcc-client-test-kid-absent-multiple-jwks', 'idt.kid_absent_multiple', rs256],
    ['oidcc-client-test-idtoken-sig-rs256', undefined, rs256],
  ])('%s', async (_module, name, options) => {
    const op = await at(name, options)
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual(accepted(op, connectionId))
    expect(op.provider.journal('jwks').length).toBeGreaterThan(0)
  })

  test('oidcc-client-test-client-secret-basic', async () => {
    // RFC 6749 section 2.3.1: both are form-encoded before they are joined.
    const clientSecret = 'p:a%s+s é&='
    const op = await at(undefined, {
      provider: { clientAuth: 'client_secret_basic', clientId: 'client:1', clientSecret },
      profile: { client_auth: 'client_secret_basic' },
    })
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual(accepted(op, connectionId))
    const [call] = op.provider.journal('token')
    expect(Buffer.from((call?.headers.authorization ?? '').slice('Basic '.length), 'base64').toString()).toBe(
      'client%3A1:p%3Aa%25s%2Bs+%C3%A9%26%3D',
    )
    expect(call?.form).not.toHaveProperty('client_secret')
  })
})

describe('the broker rejects the id_token and makes no further call', () => {
  test.each<[string, LabSwitch, AddedProviderOptions]>([
    ['oidcc-client-test-invalid-iss', 'idt.iss+1', {}],
    ['oidcc-client-test-missing-sub', 'idt.missing_sub', {}],
    ['oidcc-client-test-invalid-aud', 'idt.aud+1', {}],
    ['oidcc-client-test-missing-iat', 'idt.missing_iat', {}],
    ['oidcc-client-test-idtoken-sig-none', 'idt.alg_none', {}],
    ['oidcc-client-test-invalid-sig-rs256', 'idt.bad_sig', rs256],
    ['oidcc-client-test-nonce-invalid', 'idt.nonce+1', {}],
  ])('%s', async (_module, name, options) => {
    const op = await at(name, options)
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual(rejected(connectionId))
    expect(issuedTokens(op)).toHaveLength(1)
  })
})

test('oidcc-client-test-userinfo-invalid-sub', async () => {
  const op = await at('ui.sub_mismatch')
  const { connectionId, outcome } = await login(op)
  const refused = rejected(connectionId, 'userinfo_invalid', 'userinfo_verification_failed')
  expect(outcome).toEqual({ ...refused, calls: { ...refused.calls, userinfo: 1 } })
})

test('oidcc-client-test-scope-userinfo-claims', async () => {
  const op = await at()
  const scopes = ['openid', 'profile', 'email', 'address', 'phone']
  const id = await connected(op, { scopes })
  expect(op.provider.journal('authorize')[0]?.query.scope?.split(' ')).toEqual(scopes)
  expect((await op.call('GET', `/connections/${id}`)).body.account).toEqual({
    issuer: op.provider.issuer,
    subject: 'user-1',
    label: 'user-1@example.test',
  })
})

test('what the suite checks in every module: openid, client, redirect URI at both ends, verifier, no token in a URL', async () => {
  const op = await at()
  await login(op)
  const [authorize] = op.provider.journal('authorize')
  const [token] = op.provider.journal('token')
  const redirectUri = 'http://localhost/auth/callback'
  expect(authorize?.query).toMatchObject({
    response_type: 'code',
    client_id: op.provider.clientId,
    redirect_uri: redirectUri,
    code_challenge_method: 'S256',
  })
  expect(authorize?.query.scope?.split(' ')).toContain('openid')
  expect(authorize?.query).not.toHaveProperty('max_age')
  expect(token?.form).toMatchObject({ grant_type: 'authorization_code', redirect_uri: redirectUri })
  expect(token?.form.code_verifier).toMatch(/^[\w.~-]{43,128}$/)
  const urls = op.provider.journal().map(({ path, query }) => path + JSON.stringify(query))
  for (const issued of issuedTokens(op)) expect(urls.join()).not.toContain(issued)
})
