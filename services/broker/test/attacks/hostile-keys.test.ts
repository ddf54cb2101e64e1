import { generateKeyPair, exportJWK, SignJWT } from 'jose'
import type { LabSwitch } from 'dromos-lab'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { accepted, login, rejected } from '../conformance/outcome.js'
import { type AddedProviderOptions, type MoreProviders, startMoreProviders } from '../harness/more-providers.js'
import { startTestBroker, type TestBroker } from '../harness/test-broker.js'
import { approved, comeBack, resultOf } from '../harness/person.js'
import { startHttp } from '../oauth/raw-server.js'

// Logins whose id_token or key set is hostile, through the whole broker. The rules themselves: test/oauth.

let broker: TestBroker
let providers: MoreProviders
let rsa: TestBroker
beforeAll(async () => {
  broker = await startTestBroker()
  providers = await startMoreProviders(broker)
  rsa = await providers.add({ provider: { signingAlg: 'RS256' } })
})
afterAll(async () => {
  await providers.close()
  await broker.close()
})

async function loginWith(name: LabSwitch, value?: unknown, options: AddedProviderOptions = {}) {
  const op = await providers.add(options)
  op.provider.turnOn(name, { value })
  return { op, ...(await login(op)) }
}

describe('a hostile key set verifies nothing', () => {
  test.each([
    'jwks.many_keys',
    'jwks.off_curve',
    'jwks.private_key_inside',
    'jwks.oct_key',
    'jwks.huge',
    'jwks.redirect',
  ] as const)('%s (A53)', async (name) => {
    const { op, connectionId, outcome } = await loginWith(name)
    expect(outcome).toEqual(rejected(connectionId))
    expect(op.provider.journal('attacker')).toEqual([])
  })

  test.each(['jwks.oversized_key', 'jwks.exponent_one'] as const)('%s of RSA (A53)', async (name) => {
    const { connectionId, outcome } = await loginWith(name, undefined, { provider: { signingAlg: 'RS256' } })
    expect(outcome).toEqual(rejected(connectionId))
  })

  test('of two keys with one id the right one is found (A53)', async () => {
    const { op, connectionId, outcome } = await loginWith('idt.duplicate_kid')
    expect(outcome).toEqual(accepted(op, connectionId))
  })
})

test('a stream of made-up key ids through whole logins costs three fetches (A54)', async () => {
  const op = await providers.add()
  op.provider.turnOn('jwks.flood')
  for (let attempt = 0; attempt < 8; attempt++) expect((await login(op)).outcome.connection.status).toBe('failed')
  expect(op.provider.journal('jwks')).toHaveLength(3)
})

test.each([
  'idt.hs256_with_public_key',
  'idt.alg_none',
  'idt.alg_nOnE',
  'idt.alternate_alg',
  'idt.crit',
  'idt.b64_false',
  'idt.jwe',
] as const)('a confused algorithm is refused although the key is the right one: %s (A55)', async (name) => {
  rsa.provider.turnOn(name)
  const { connectionId, outcome } = await login(rsa)
  rsa.provider.turnOff(name)
  expect({ ...outcome, calls: undefined }).toEqual({ ...rejected(connectionId), calls: undefined })
})

describe('clocks differ by a minute, not by ten', () => {
  test.each<[string, LabSwitch, number]>([
    ['iat and nbf 30 s ahead', 'idt.clock_skew', 30],
    ['exp 30 s ago', 'idt.expired', 30],
  ])('%s is accepted (A56)', async (_what, name, value) => {
    const { op, connectionId, outcome } = await loginWith(name, value)
    expect(outcome).toEqual(accepted(op, connectionId))
  })

  test.each<[string, LabSwitch, number]>([
    ['iat and nbf 10 min ahead', 'idt.clock_skew', 600],
    ['exp 10 min ago', 'idt.expired', 600],
  ])('%s is refused (A56)', async (_what, name, value) => {
    const { connectionId, outcome } = await loginWith(name, value)
    expect(outcome).toEqual(rejected(connectionId))
  })
})

test('a valid id_token of last week is no fresh login (A57)', async () => {
  const { connectionId, outcome } = await loginWith('idt.iat_week_old')
  expect(outcome).toEqual(rejected(connectionId))
})

test('unless the profile says that its provider hands out such (A57)', async () => {
  const op = await providers.add({ profile: { id_token: { max_login_age_seconds: 8 * 86_400 } } })
  op.provider.turnOn('idt.iat_week_old')
  const { connectionId, outcome } = await login(op)
  expect(outcome).toEqual(accepted(op, connectionId))
})

test('an id_token that names other keys than the configured ones is refused and nothing is fetched (A39)', async () => {
  const trap = await startHttp((_request, response) => void response.end('{"keys":[]}'))
  const url = `http://127.0.0.1:${trap.port}/keys`
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwk = await exportJWK(publicKey)
  try {
    for (const header of [{ jku: url }, { x5u: url }, { jwk }, { jku: url, kid: 'theirs' }, { x5c: ['MIIB'] }]) {
      const op = await providers.add()
      const { callbackUrl, cookie } = await approved(op)
      const nonce = op.provider.journal('authorize').at(-1)?.query.nonce
      const claims = { nonce, request_uri: url, logo_uri: url, _claim_sources: { src: { endpoint: url } } }
      const idToken = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', ...header })
        .setIssuer(op.provider.issuer)
        .setAudience(op.provider.clientId)
        .setSubject('somebody')
        .setIssuedAt()
        .setExpirationTime('5 minutes')
        .sign(privateKey)
      op.provider.replies({ body: { access_token: 'theirs', token_type: 'Bearer', id_token: idToken } })
      expect(resultOf(await comeBack(op, callbackUrl, cookie))).toMatchObject({ error: 'id_token_invalid' })
    }
    expect(trap.connections).toBe(0)
  } finally {
    await trap.close()
  }
})
