import type { LabSwitch } from 'dromos-lab'
import { describe, expect, test } from '@jest/globals'
import { type AddedProviderOptions, provideForSuite } from '../harness/more-providers.js'
import { approved, askForConsent, comeBack, connected, openLink, readTokenOf, refreshOf } from '../harness/person.js'
import { returnUrl } from '../harness/test-broker.js'
import { accepted, login, outcomeOf, refreshTokensPresented, rejected } from './outcome.js'

// FAPI 2.0 Security Profile, fapi2-security-profile-final-client-test-*: the rows that need neither PAR nor DPoP;
// fapi2-bound.test.ts has the others.

const providers = provideForSuite()

type Row = [string, LabSwitch, AddedProviderOptions?, unknown?]

describe('the broker accepts', () => {
  test.each<Row>([
    ['fapi2-security-profile-final-client-test-valid-aud-as-array', 'idt.aud_array'],
    ['fapi2-security-profile-final-client-test-token-endpoint-response-without-expires_in', 'tok.no_expires_in'],
    ['fapi2-security-profile-final-client-test-token-type-case-insensitivity', 'tok.bEARER'],
  ])('%s', async (_module, name) => {
    const op = await providers.add()
    op.provider.turnOn(name)
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual(accepted(op, connectionId))
  })
})

describe('the broker rejects the id_token and makes no further call', () => {
  test.each<Row>([
    ['fapi2-security-profile-final-client-test-invalid-iss', 'idt.iss+1'],
    ['fapi2-security-profile-final-client-test-invalid-aud', 'idt.aud+1'],
    ['fapi2-security-profile-final-client-test-invalid-missing-iss', 'idt.missing_iss'],
    ['fapi2-security-profile-final-client-test-invalid-missing-aud', 'idt.missing_aud'],
    ['fapi2-security-profile-final-client-test-invalid-missing-exp', 'idt.missing_exp'],
    ['fapi2-security-profile-final-client-test-invalid-missing-nonce', 'idt.missing_nonce'],
    ['fapi2-security-profile-final-client-test-invalid-nonce', 'idt.nonce+1'],
    ['fapi2-security-profile-final-client-test-invalid-expired-exp', 'idt.expired', {}, 330],
    ['fapi2-security-profile-final-client-test-invalid-secondary-aud', 'idt.aud_foreign_second'],
    ['fapi2-security-profile-final-client-test-invalid-null-alg', 'idt.alg_none'],
    // Rightly signed by the published key, with PS256 where RS256 was agreed.
    ['fapi2-security-profile-final-client-test-invalid-alternate-alg', 'idt.alternate_alg', rsa()],
  ])('%s', async (_module, name, options = {}, value = undefined) => {
    const op = await providers.add(options)
    op.provider.turnOn(name, { value })
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual(rejected(connectionId))
  })
})

function rsa(): AddedProviderOptions {
  return { provider: { signingAlg: 'RS256' } }
}

describe('the broker stops before the token endpoint', () => {
  test('fapi2-security-profile-final-client-test-discovery-issuer-mismatch', async () => {
    const op = await providers.add()
    op.provider.turnOn('disc.issuer_trailing_slash')
    const body = { workspace_id: 'user-1', provider_id: op.providerId, return_url: returnUrl }
    expect((await op.call('POST', '/auth/consent-spec', { body })).body.code).toBe('issuer_mismatch')
    expect(op.provider.journal().map(({ endpoint }) => endpoint)).toEqual(['discovery'])
  })

  test.each<Row>([
    ['fapi2-security-profile-final-client-test-invalid-authorization-response-iss', 'authz.wrong_iss'],
    ['fapi2-security-profile-final-client-test-remove-authorization-response-iss', 'authz.no_iss_though_promised'],
  ])('%s', async (_module, name) => {
    const op = await providers.add()
    op.provider.turnOn(name)
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual({
      ...rejected(connectionId, 'issuer_mismatch', 'oauth_error'),
      calls: { token: 0, userinfo: 0, api: 0, attacker: 0 },
    })
  })

  test.each<Row>([
    ['fapi2-security-profile-final-client-test-ensure-authorization-response-with-invalid-state-fails', 'authz.wrong_state'],
    ['fapi2-security-profile-final-client-test-ensure-authorization-response-with-invalid-missing-state-fails', 'authz.no_state'],
  ])('%s', async (_module, name) => {
    const op = await providers.add()
    op.provider.turnOn(name)
    const { callbackUrl, cookie, connectionId } = await approved(op)
    expect(await comeBack(op, callbackUrl, cookie)).toMatchObject({ status: 400, body: { code: 'invalid_state' } })
    expect(op.provider.journal('token')).toEqual([])
    // Whoever sent that: the person's own consent can still be finished.
    expect((await op.call('GET', `/connections/${connectionId}/status`)).body.status).toBe('pending')
    op.provider.turnOff(name)
    const spec = await askForConsent(op)
    const opened = await openLink(op, spec.authUrl)
    const answer = await comeBack(op, await op.provider.approve(opened.location), opened.cookie)
    expect(await outcomeOf(op, spec.connection_id, answer)).toEqual(accepted(op, spec.connection_id))
  }) // prettier-ignore
})

test('fapi2-security-profile-final-client-test-refresh-token-test', async () => {
  const op = await providers.add()
  const id = await connected(op)
  op.provider.turnOn('rs.401_invalid_token', { mode: 'times', n: 2 })
  let held = await readTokenOf(op, id)
  const statuses: number[] = []
  for (let attempt = 0; attempt < 3; attempt++) {
    const headers = { authorization: `Bearer ${String(held.body.access_token)}` }
    statuses.push((await fetch(op.provider.apiUrl, { headers })).status)
    if (statuses.at(-1) === 401) held = await refreshOf(op, id, { if_version: held.body.token_version })
  }
  expect(statuses).toEqual([401, 401, 200])
  expect(new Set(refreshTokensPresented(op)).size).toBe(2) // rotated each time, the newest one presented
  expect(op.provider.oracle()).toMatchObject({ refreshes: 2, reuseCount: 0, families: [{ alive: true }] })
})
