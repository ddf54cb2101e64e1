import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProviderLab, type LabProvider, type LabSwitch, type ProviderLab } from '../../src/index.js'
import { clientOf, getJson, redirectUri } from '../client.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

async function callbackWith(name: LabSwitch, provider: LabProvider = lab.createProvider()): Promise<URL> {
  provider.turnOn(name)
  return new URL(await provider.approve(clientOf(provider).authUrl({ state: 'abc' })))
}

test.each([
  ['authz.no_iss_though_promised' as const, 'iss', () => null],
  ['authz.wrong_iss' as const, 'iss', (provider: LabProvider) => `${provider.issuer}1`],
  ['authz.no_state' as const, 'state', () => null],
  ['authz.wrong_state' as const, 'state', () => 'abc1'],
  ['authz.state_truncated' as const, 'state', () => 'ab'],
  ['authz.no_code' as const, 'code', () => null],
  ['authz.error' as const, 'error', () => 'access_denied'],
])('%s', async (name, parameter, expected) => {
  const provider = lab.createProvider()
  const callback = await callbackWith(name, provider)
  expect(callback.searchParams.get(parameter)).toBe(expected(provider))
})

test('authz.error_wrong_iss is an error, without code, from a foreign issuer', async () => {
  const provider = lab.createProvider()
  const { searchParams } = await callbackWith('authz.error_wrong_iss', provider)
  expect([...searchParams.keys()].sort()).toEqual(['error', 'error_description', 'iss', 'state'])
  expect(searchParams.get('iss')).toBe(`${provider.issuer}1`)
})

test('authz.error_description_evil carries markup and line breaks', async () => {
  const { searchParams } = await callbackWith('authz.error_description_evil')
  expect(searchParams.get('error_description')).toMatch(/<script>[^]*\r\n/)
})

test('authz.iss_unadvertised_correct sends iss and does not promise it', async () => {
  const provider = lab.createProvider({ sendsIss: false })
  const { searchParams } = await callbackWith('authz.iss_unadvertised_correct', provider)
  expect(searchParams.get('iss')).toBe(provider.issuer)
  const metadata = await getJson(`${provider.issuer}/.well-known/openid-configuration`)
  expect(metadata).not.toHaveProperty('authorization_response_iss_parameter_supported')
})

test('authz.code_from_other_client cannot be redeemed', async () => {
  const provider = lab.createProvider()
  const callback = await callbackWith('authz.code_from_other_client', provider)
  expect((await clientOf(provider).exchange(callback.href)).body['error']).toBe('invalid_grant')
})

test('authz.fragment hides the response from the server', async () => {
  const callback = await callbackWith('authz.fragment')
  expect([callback.search, callback.hash.startsWith('#code=')]).toEqual(['', true])
})

test('authz.form_post is a page that posts the response', async () => {
  const provider = lab.createProvider()
  provider.turnOn('authz.form_post')
  const response = await fetch(clientOf(provider).authUrl({ state: 's"1' }), { redirect: 'manual' })
  const page = await response.text()
  expect([response.status, response.headers.get('location')]).toEqual([200, null])
  expect(page).toContain(`<form method="post" action="${redirectUri}">`)
  expect(page).toMatch(/name="code" value="code_\w+">.*name="state" value="s&quot;1"/)
})
