import { expect, test } from '@jest/globals'
import { provideForSuite } from '../harness/more-providers.js'
import { returnUrl, type TestBroker } from '../harness/test-broker.js'
import { accepted, login, rejected } from './outcome.js'

// OpenID conformance suite, oidcc-client-config-certification-test-plan: what a client does with metadata and keys.

const providers = provideForSuite()

const fetched = (op: TestBroker, endpoint: 'discovery' | 'jwks') => op.provider.journal(endpoint).length

test('oidcc-client-test-discovery-openid-config', async () => {
  const op = await providers.add()
  const { connectionId, outcome } = await login(op)
  expect(outcome).toEqual(accepted(op, connectionId))
  expect(fetched(op, 'discovery')).toBe(1)
})

test('oidcc-client-test-discovery-jwks-uri-keys', async () => {
  const op = await providers.add()
  const { connectionId, outcome } = await login(op)
  expect(outcome).toEqual(accepted(op, connectionId))
  // The path of the lab's keys is random: whoever guesses it gets a 404.
  expect(op.provider.journal('jwks').map(({ path }) => `${new URL(op.provider.issuer).origin}${path}`)).toEqual([
    op.provider.jwksUri,
  ])
  expect(op.provider.journal('other')).toEqual([])
})

test('oidcc-client-test-discovery-issuer-mismatch', async () => {
  const op = await providers.add()
  op.provider.turnOn('disc.issuer_suffix')
  const connections = () => providers.broker().query('select id from connections order by id')
  const before = await connections()
  const body = { workspace_id: 'user-1', provider_id: op.providerId, return_url: returnUrl, scopes: ['openid'] }
  expect(await op.call('POST', '/auth/consent-spec', { body })).toMatchObject({
    status: 400,
    body: { code: 'issuer_mismatch' },
  })
  expect(await connections()).toEqual(before)
  expect(op.provider.journal('authorize')).toEqual([])
})

test('oidcc-client-test-idtoken-sig-none', async () => {
  const op = await providers.add()
  op.provider.turnOn('idt.alg_none')
  const { connectionId, outcome } = await login(op)
  expect(outcome).toEqual(rejected(connectionId))
})

test('oidcc-client-test-signing-key-rotation-just-before-signing', async () => {
  const op = await providers.add()
  await login(op) // from here on the broker holds the keys of before
  op.provider.turnOn('jwks.just_before_signing')
  const { connectionId, outcome } = await login(op)
  expect(outcome).toEqual({ ...accepted(op, connectionId), calls: { token: 2, userinfo: 2, api: 0, attacker: 0 } })
  expect(fetched(op, 'jwks')).toBe(2)
})

test('oidcc-client-test-signing-key-rotation', async () => {
  const op = await providers.add()
  const first = await login(op)
  op.provider.rotateKeys()
  const second = await login(op) // seconds later: no cool-down may be in the way
  expect(first.outcome.connection.status).toBe('active')
  expect(second.outcome).toEqual({
    ...accepted(op, second.connectionId),
    calls: { token: 2, userinfo: 2, api: 0, attacker: 0 },
  })
  expect(fetched(op, 'jwks')).toBe(2)
})
