import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startProviderLab, type LabProviderOptions, type ProviderLab } from '../../src/index.js'
import { clientOf, getJson } from '../client.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

const arrange = (options: LabProviderOptions = {}) => {
  const provider = lab.createProvider({ oidc: false, ...options })
  return { provider, client: clientOf(provider), held: provider.issue() }
}

test('tok.no_refresh_token leaves the held token valid', async () => {
  const { provider, client, held } = arrange()
  provider.turnOn('tok.no_refresh_token')
  for (let n = 0; n < 2; n++) {
    const { status, body } = await client.refresh(held.refreshToken)
    expect([status, 'refresh_token' in body]).toEqual([200, false])
  }
  expect(provider.oracle().families).toMatchObject([{ currentRefreshToken: held.refreshToken, generation: 1 }])
})

test('tok.no_refresh_token at the code exchange gives a grant that cannot be refreshed', async () => {
  const { provider, client } = arrange()
  provider.turnOn('tok.no_refresh_token')
  expect((await client.connect()).body).not.toHaveProperty('refresh_token')
  expect(provider.oracle().families[1]).toMatchObject({ alive: true, currentRefreshToken: undefined })
})

test('tok.same_refresh_token repeats the held token', async () => {
  const { provider, client, held } = arrange()
  provider.turnOn('tok.same_refresh_token')
  expect((await client.refresh(held.refreshToken)).body['refresh_token']).toBe(held.refreshToken)
})

test('rt.rotate_strict makes a stable provider rotate without grace', async () => {
  const { provider, client, held } = arrange({ refresh: { mode: 'stable' } })
  provider.turnOn('rt.rotate_strict')
  expect((await client.refresh(held.refreshToken)).status).toBe(200)
  expect((await client.refresh(held.refreshToken)).status).toBe(400)
})

test('rt.rotate_grace lets the predecessor in for the time given', async () => {
  const { provider, client, held } = arrange()
  provider.turnOn('rt.rotate_grace', { value: 1_000 })
  await client.refresh(held.refreshToken)
  expect((await client.refresh(held.refreshToken)).status).toBe(200)
  provider.clock.advance(1_000)
  expect((await client.refresh(held.refreshToken)).status).toBe(400)
})

test('rt.family_revoke_on_reuse can be switched either way', async () => {
  const { provider, client, held } = arrange()
  provider.turnOn('rt.family_revoke_on_reuse', { value: false })
  await client.refresh(held.refreshToken)
  await client.refresh(held.refreshToken)
  expect(provider.oracle().families).toMatchObject([{ alive: true, reuseCount: 1 }])
  provider.turnOn('rt.family_revoke_on_reuse')
  await client.refresh(held.refreshToken)
  expect(provider.oracle().families).toMatchObject([{ alive: false, reuseCount: 2 }])
})

test('rt.kills_old_at ends the access token held before', async () => {
  const { provider, client, held } = arrange()
  provider.turnOn('rt.kills_old_at')
  await client.refresh(held.refreshToken)
  expect(await getJson(provider.apiUrl, { authorization: `Bearer ${held.accessToken}` })).toEqual({
    error: 'invalid_token',
  })
})

describe('the grant is over, in each provider’s words, and the oracle agrees', () => {
  test.each([
    ['rt.revoked_by_user' as const, 400, { error: 'invalid_grant' }],
    ['rt.expired_idle' as const, 400, { error: 'invalid_grant' }],
    ['rt.403_invalid_grant' as const, 403, { error: 'unauthorized_client' }],
    ['rt.aadsts' as const, 400, { error: 'invalid_grant', error_codes: [700082] }],
    ['rt.invalid_rapt' as const, 400, { error: 'invalid_grant', error_subtype: 'invalid_rapt' }],
  ])('%s', async (name, status, body) => {
    const { provider, client, held } = arrange()
    provider.turnOn(name)
    expect(await client.refresh(held.refreshToken)).toMatchObject({ status, body })
    expect(provider.oracle()).toMatchObject({ families: [{ alive: false }], reuseCount: 0 })
  })
})

test('rt.rate_10_per_10min refuses the eleventh refresh until the window moves on', async () => {
  const { provider, client, held } = arrange({ refresh: { mode: 'stable' } })
  provider.turnOn('rt.rate_10_per_10min')
  const statuses: number[] = []
  for (let n = 0; n < 11; n++) statuses.push((await client.refresh(held.refreshToken)).status)
  expect(statuses).toEqual([...Array.from({ length: 10 }, () => 200), 400])
  provider.clock.advance(600_000)
  expect((await client.refresh(held.refreshToken)).status).toBe(200)
})

test.each([
  ['rt.scope_required' as const, {}, { scope: 'api' }],
  ['rt.scope_forbidden' as const, { scope: 'api' }, {}],
  ['rt.redirect_uri_required' as const, {}, { redirect_uri: 'https://app.test/auth/callback' }],
])('%s', async (name, refused: Record<string, string>, accepted: Record<string, string>) => {
  const { provider, client, held } = arrange()
  provider.turnOn(name)
  expect((await client.refresh(held.refreshToken, refused)).body['error']).toBe('invalid_request')
  expect((await client.refresh(held.refreshToken, accepted)).status).toBe(200)
})

describe('client authentication', () => {
  test.each([
    ['ca.basic_only' as const, 'client_secret_basic', 200],
    ['ca.post_only' as const, 'client_secret_post', 401],
    ['ca.none_only' as const, 'none', 401],
    ['ca.mtls_only' as const, 'tls_client_auth', 401],
  ])('%s is enforced and advertised', async (name, method, statusForBasic) => {
    const { provider, client, held } = arrange()
    provider.turnOn(name)
    const metadata = await getJson(`${lab.url}/.well-known/oauth-authorization-server/t/${provider.id}`)
    expect(metadata['token_endpoint_auth_methods_supported']).toEqual([method])
    expect((await client.refresh(held.refreshToken)).status).toBe(statusForBasic)
  })

  test('ca.invalid_client refuses the client and leaves the grant alone', async () => {
    const { provider, client, held } = arrange()
    provider.turnOn('ca.invalid_client', { mode: 'times', n: 1 })
    expect(await client.refresh(held.refreshToken)).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
    expect((await client.refresh(held.refreshToken)).status).toBe(200)
  })
})
