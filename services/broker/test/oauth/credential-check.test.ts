import { type LabProvider, type ProviderLab, startProviderLab } from 'dromos-lab'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { checkProfile } from '../../src/domain/check-profile.js'
import type { StaticProvider } from '../../src/domain/provider.js'
import { toProvider } from '../../src/domain/resolve-profile.js'
import { shortLimits, testOAuth } from './oauth-lab.js'
import { startHttp, startTcp } from './raw-server.js'

let lab: ProviderLab
let op: LabProvider
beforeAll(async () => {
  lab = await startProviderLab()
  op = lab.createProvider({ api: { apiKey: 'key-1', username: 'ada', password: 'p:w' } })
})
afterAll(() => lab.close())

function staticProvider(members: Record<string, unknown>, apiUrl = op.apiUrl): StaticProvider {
  const { origin, pathname } = new URL(apiUrl)
  const profile = { name: 'static', api_base_url: origin, user_info_endpoint: pathname, ...members }
  const provider = toProvider(
    { id: 'p', name: 'static', version: 1, isDeleted: false },
    checkProfile(profile, { hasSecret: false }),
  )
  if (provider.kind !== 'static') throw new Error('not a static provider')
  return provider
}

const accepts = (provider: StaticProvider, values: Record<string, unknown>, oauth = testOAuth()) =>
  oauth.credentialCheck.accepts(provider, values)

describe('the provider is asked exactly as an agent would ask it', () => {
  test.each([
    ['a header', { auth_type: 'api_key' }, { api_key: 'key-1' }, { api_key: 'key-2' }],
    ['a query parameter', { auth_type: 'query_param', strategy: { type: 'query_param', config: { param_name: 'api_key' } } }, { api_key: 'key-1' }, { api_key: 'a&b' }],
    ['Basic', { auth_type: 'basic_auth' }, { username: 'ada', password: 'p:w' }, { username: 'ada', password: 'no' }],
  ])('with %s: good credentials are accepted, others not', async (_how, members, good, bad) => {
    expect([await accepts(staticProvider(members), good), await accepts(staticProvider(members), bad)]).toEqual([true, false])
  }) // prettier-ignore

  test('a value that no header can hold is rejected without a request', async () => {
    const before = op.journal('api').length
    expect(await accepts(staticProvider({ auth_type: 'api_key' }), { api_key: 'a\r\nx: 1' })).toBe(false)
    expect(op.journal('api')).toHaveLength(before)
  })

  test('a query in the verification URL stays', async () => {
    const asked: unknown[] = []
    const server = await startHttp((request, response) => {
      asked.push(request.url)
      response.end()
    })
    const strategy = { type: 'query_param', config: { param_name: 'key' } }
    const provider = staticProvider(
      { auth_type: 'query_param', strategy, user_info_endpoint: '/me?v=2' },
      `http://127.0.0.1:${server.port}/me`,
    )
    expect(await accepts(provider, { api_key: 'a b&c' })).toBe(true)
    expect(asked).toEqual(['/me?v=2&key=a+b%26c'])
    await server.close()
  })
})

describe('by status', () => {
  test.each([
    [200, true],
    [204, true],
    [401, false],
    [403, false],
    [404, true],
    [429, true],
  ])('%i means %s', async (status, expected) => {
    const server = await startHttp((_request, response) => response.writeHead(status).end())
    const provider = staticProvider({ auth_type: 'api_key' }, `http://127.0.0.1:${server.port}/me`)
    expect(await accepts(provider, { api_key: 'k' })).toBe(expected)
    await server.close()
  })

  test.each([302, 307, 500, 503])('%i says nothing about the credentials: try again', async (status) => {
    const server = await startHttp((_request, response) =>
      response.writeHead(status, { location: op.attackerUrl }).end(),
    )
    const provider = staticProvider({ auth_type: 'api_key' }, `http://127.0.0.1:${server.port}/me`)
    await expect(accepts(provider, { api_key: 'k' })).rejects.toMatchObject({ reason: 'provider_unavailable' })
    expect(op.journal('attacker')).toEqual([])
    await server.close()
  })

  test('silence ends at the deadline', async () => {
    const server = await startTcp(() => undefined)
    const provider = staticProvider({ auth_type: 'api_key' }, `http://127.0.0.1:${server.port}/me`)
    const oauth = testOAuth({ limits: shortLimits })
    await expect(accepts(provider, { api_key: 'k' }, oauth)).rejects.toMatchObject({ reason: 'provider_unavailable' })
    await server.close()
  })

  test('a private address is refused and reported (fault 27)', async () => {
    const oauth = testOAuth()
    const provider = staticProvider({ auth_type: 'api_key' }, 'https://10.0.0.1/me')
    await expect(accepts(provider, { api_key: 'k' }, oauth)).rejects.toMatchObject({ reason: 'provider_unavailable' })
    expect(oauth.refused).toEqual(['10.0.0.1'])
  })
})
