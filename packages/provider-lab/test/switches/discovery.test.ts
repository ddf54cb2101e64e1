import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startProviderLab, type LabProvider, type ProviderLab } from '../../src/index.js'
import { getJson } from '../client.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

const urlOf = (provider: LabProvider): string => `${provider.issuer}/.well-known/openid-configuration`
const metadata = (provider: LabProvider): Promise<Record<string, unknown>> => getJson(urlOf(provider))
const answer = (provider: LabProvider): Promise<Response> =>
  fetch(urlOf(provider), { redirect: 'manual', signal: AbortSignal.timeout(5_000) })

test('issuer near misses', async () => {
  const provider = lab.createProvider()
  provider.turnOn('disc.issuer_suffix')
  expect((await metadata(provider))['issuer']).toBe(`${provider.issuer}INVALID`)
  provider.turnOff('disc.issuer_suffix')
  provider.turnOn('disc.issuer_trailing_slash')
  expect((await metadata(provider))['issuer']).toBe(`${provider.issuer}/`)
})

describe('a metadata document that is no document', () => {
  test.each([
    ['disc.404' as const, 404, 'text/html'],
    ['disc.500' as const, 500, 'text/html'],
    ['disc.html' as const, 200, 'text/html'],
    ['disc.malformed' as const, 200, 'application/json'],
    ['disc.empty' as const, 200, 'application/json'],
    ['disc.deep' as const, 200, 'application/json'],
  ])('%s', async (name, status, contentType) => {
    const provider = lab.createProvider()
    provider.turnOn(name)
    const response = await answer(provider)
    expect([response.status, response.headers.get('content-type')]).toEqual([status, contentType])
    expect(await metadataOrNothing(await response.text())).toBeUndefined()
  })
})

test('disc.redirect leads to the attacker, who notes every visit', async () => {
  const provider = lab.createProvider()
  provider.turnOn('disc.redirect', { value: 307 })
  const response = await answer(provider)
  expect(response.status).toBe(307)
  expect(provider.journal('attacker')).toEqual([])
  await fetch(response.headers.get('location') ?? '')
  expect(provider.journal('attacker')).toHaveLength(1)
})

test('endpoints move to a private address, to the attacker, or are missing', async () => {
  const provider = lab.createProvider()
  provider.turnOn('disc.private_ip_endpoints', { value: 'http://10.0.0.1' })
  expect((await metadata(provider))['token_endpoint']).toBe(`http://10.0.0.1/t/${provider.id}/token`)
  provider.turnOff('disc.private_ip_endpoints')
  provider.turnOn('disc.rebinding_endpoints')
  expect((await metadata(provider))['token_endpoint']).toBe(`https://rebind.lab.test/t/${provider.id}/token`)
  provider.turnOff('disc.rebinding_endpoints')
  provider.turnOn('disc.endpoint_swap_after_start')
  expect((await metadata(provider))['token_endpoint']).toBe(`${provider.attackerUrl}/token`)
  provider.turnOff('disc.endpoint_swap_after_start')
  provider.turnOn('disc.missing_endpoint')
  provider.turnOn('disc.no_pkce_methods')
  const document = await metadata(provider)
  expect(document).not.toHaveProperty('token_endpoint')
  expect(document).not.toHaveProperty('code_challenge_methods_supported')
})

test('disc.prototype_keys are own members on the wire', async () => {
  const provider = lab.createProvider()
  provider.turnOn('disc.prototype_keys')
  expect(await (await answer(provider)).text()).toContain('"__proto__":{"polluted":true}')
})

test('metadata is huge, slow, or never comes', async () => {
  const provider = lab.createProvider()
  provider.turnOn('disc.huge', { value: 2_000_000 })
  expect((await (await answer(provider)).text()).length).toBeGreaterThanOrEqual(2_000_000)
  provider.turnOff('disc.huge')
  provider.turnOn('disc.slow', { value: 1 })
  expect(JSON.parse(await (await answer(provider)).text())).toMatchObject({ issuer: provider.issuer })
  provider.turnOff('disc.slow')
  provider.turnOn('disc.hang')
  await expect(fetch(urlOf(provider), { signal: AbortSignal.timeout(100) })).rejects.toThrow()
  expect(provider.journal('discovery').at(-1)?.answered).toBeUndefined()
})

function metadataOrNothing(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text)
    return Array.isArray(parsed) ? undefined : parsed
  } catch {
    return undefined
  }
}
