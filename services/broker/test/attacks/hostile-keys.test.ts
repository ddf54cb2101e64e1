import type { LabSwitch } from '@dromos/provider-lab'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { accepted, login, rejected } from '../conformance/outcome.js'
import { type AddedProviderOptions, type MoreProviders, startMoreProviders } from '../harness/more-providers.js'
import { startTestBroker, type TestBroker } from '../harness/test-broker.js'

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
