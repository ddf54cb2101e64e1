import { type LabProvider, type ProviderLab, startProviderLab } from 'dromos-lab'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { wellKnownUrls } from '../../src/oauth/metadata.js'
import { discovering, profileOf, shortLimits, testOAuth } from './oauth-lab.js'
import { startHttp } from './raw-server.js'

let lab: ProviderLab
let op: LabProvider
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())
beforeEach(() => {
  op = lab.createProvider()
})

const refusal = (reason: string) => ({ name: 'ServiceError', reason })
const movable = () => {
  let offsetMs = 0
  return { now: () => new Date(Date.now() + offsetMs), advance: (ms: number) => void (offsetMs += ms) }
}

describe('endpoints', () => {
  test('a provider that gives only its issuer gets every endpoint from its metadata (fault 19)', async () => {
    expect(await testOAuth().metadata.endpoints(discovering(op), {})).toEqual({
      issuer: op.issuer,
      authorization: op.authorizationEndpoint,
      token: op.tokenEndpoint,
      refresh: op.tokenEndpoint,
      jwks: op.jwksUri,
      userinfo: op.userinfoEndpoint,
      revocation: op.revocationEndpoint,
      demandsPar: false,
      sendsIssuer: true,
      secretMethod: 'client_secret_post',
      refusesPkce: false,
    })
  })

  test('configured endpoints win over discovered ones (fault 20)', async () => {
    const configured = discovering(op, {
      token_url: `${op.issuer}/token-alt`,
      refresh_url: op.refreshEndpoint,
      sends_issuer: false,
    })
    expect(await testOAuth().metadata.endpoints(configured, {})).toMatchObject({
      token: `${op.issuer}/token-alt`,
      refresh: op.refreshEndpoint,
      authorization: op.authorizationEndpoint,
      sendsIssuer: false,
    })
  })

  test('without enable_discovery nothing is fetched, even with an issuer', async () => {
    const endpoints = await testOAuth().metadata.endpoints(profileOf(op), {})
    expect(endpoints).toMatchObject({ token: op.tokenEndpoint, sendsIssuer: false, refusesPkce: undefined })
    expect(op.journal('discovery')).toEqual([])
  })

  test('placeholders are filled in every endpoint and in the issuer', async () => {
    const url_variables = { id: { title: 'Id', pattern: '[a-z0-9]+' } }
    const templated = discovering(op, { issuer: op.issuer.replace(op.id, '{id}'), url_variables })
    expect(await testOAuth().metadata.endpoints(templated, { id: op.id })).toMatchObject({ token: op.tokenEndpoint })
  })

  test('a metadata document that lacks an endpoint nobody configured is a misconfiguration', async () => {
    op.turnOn('disc.missing_endpoint', { value: 'token_endpoint' })
    await expect(testOAuth().metadata.endpoints(discovering(op), {})).rejects.toMatchObject(
      refusal('provider_misconfigured'),
    )
  })

  test('a list of PKCE methods without S256 counts as a refusal, no list does not', async () => {
    op.turnOn('disc.no_pkce_methods')
    expect(await testOAuth().metadata.endpoints(discovering(op), {})).toMatchObject({ refusesPkce: undefined })
  })

  test.each([
    ['ca.basic_only', undefined, 'client_secret_basic'],
    ['ca.post_only', undefined, 'client_secret_post'],
    // RFC 8414 section 2: without the list it is Basic
    ['disc.missing_endpoint', 'token_endpoint_auth_methods_supported', 'client_secret_basic'],
  ] as const)('with %s the client’s secret goes where the metadata says', async (name, value, secretMethod) => {
    op.turnOn(name, { value })
    expect(await testOAuth().metadata.endpoints(discovering(op), {})).toMatchObject({ secretMethod })
  })

  test('metadata that names no way to send a secret says nothing about it', async () => {
    const keyed = lab.createProvider({ clientAuth: 'none' })
    expect(await testOAuth().metadata.endpoints(discovering(keyed), {})).toMatchObject({ secretMethod: undefined })
  })

  test('members named like prototypes pollute nothing', async () => {
    op.turnOn('disc.prototype_keys')
    await testOAuth().metadata.endpoints(discovering(op), {})
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })
})

describe('where metadata is looked for', () => {
  test('OpenID appends to the path of the issuer, RFC 8414 inserts before it', () => {
    expect(wellKnownUrls('https://op.example/tenant1/')).toEqual([
      'https://op.example/tenant1/.well-known/openid-configuration',
      'https://op.example/.well-known/oauth-authorization-server/tenant1',
    ])
    expect(wellKnownUrls('https://op.example')[1]).toBe('https://op.example/.well-known/oauth-authorization-server')
  })

  test('a provider that speaks OAuth alone is found by RFC 8414', async () => {
    const oauthOnly = lab.createProvider({ oidc: false })
    expect(await testOAuth().metadata.endpoints(discovering(oauthOnly), {})).toMatchObject({
      token: oauthOnly.tokenEndpoint,
    })
    expect(oauthOnly.journal('discovery').map(({ answered }) => answered?.status)).toEqual([404, 200])
  })
})

describe('metadata that must not be used', () => {
  test.each(['disc.issuer_suffix', 'disc.issuer_trailing_slash'] as const)('%s is another issuer', async (name) => {
    op.turnOn(name)
    await expect(testOAuth().metadata.endpoints(discovering(op), {})).rejects.toMatchObject(refusal('issuer_mismatch'))
  })

  test.each(['disc.404', 'disc.500', 'disc.html', 'disc.malformed', 'disc.empty', 'disc.deep', 'disc.huge'] as const)(
    '%s makes the provider unavailable; nothing is guessed',
    async (name) => {
      op.turnOn(name)
      await expect(testOAuth().metadata.endpoints(discovering(op), {})).rejects.toMatchObject(
        refusal('provider_unavailable'),
      )
    },
  )

  test.each(['disc.hang', 'disc.slow'] as const)('%s ends at the deadline', async (name) => {
    op.turnOn(name)
    const oauth = testOAuth({ limits: shortLimits })
    await expect(oauth.metadata.endpoints(discovering(op), {})).rejects.toMatchObject(refusal('provider_unavailable'))
  })

  test.each([301, 302, 307])('a redirect %i to an attacker is not followed', async (value) => {
    op.turnOn('disc.redirect', { value })
    await expect(testOAuth().metadata.endpoints(discovering(op), {})).rejects.toMatchObject(
      refusal('provider_unavailable'),
    )
    expect(op.journal('attacker')).toEqual([])
  })

  test('plain http endpoints outside the allowed networks are refused', async () => {
    op.turnOn('disc.private_ip_endpoints')
    await expect(testOAuth().metadata.endpoints(discovering(op), {})).rejects.toMatchObject(
      refusal('provider_misconfigured'),
    )
  })

  test('a private address in a configured issuer is refused and reported (fault 27)', async () => {
    const oauth = testOAuth()
    const aimed = discovering(op, { issuer: 'https://169.254.169.254/latest' })
    await expect(oauth.metadata.endpoints(aimed, {})).rejects.toMatchObject(refusal('provider_unavailable'))
    expect(oauth.refused).toEqual(['169.254.169.254'])
  })
})

describe('how long metadata is believed', () => {
  test('one document serves many callers for an hour, and callers at the same time share one fetch', async () => {
    const { now, advance } = movable()
    const oauth = testOAuth({ now })
    await Promise.all(Array.from({ length: 20 }, () => oauth.metadata.endpoints(discovering(op), {})))
    advance(3_599_000)
    await oauth.metadata.endpoints(discovering(op), {})
    expect(op.journal('discovery')).toHaveLength(1)
    advance(2_000)
    await oauth.metadata.endpoints(discovering(op), {})
    expect(op.journal('discovery')).toHaveLength(2)
  })

  test('a failure is forgotten after ten seconds (fault 71)', async () => {
    const { now, advance } = movable()
    const oauth = testOAuth({ now })
    op.turnOn('disc.500')
    const ask = () => oauth.metadata.endpoints(discovering(op), {})
    await expect(ask()).rejects.toMatchObject(refusal('provider_unavailable'))
    op.turnOff('disc.500')
    await expect(ask()).rejects.toMatchObject(refusal('provider_unavailable'))
    expect(op.journal('discovery')).toHaveLength(1)
    advance(10_001)
    expect(await ask()).toMatchObject({ token: op.tokenEndpoint })
  })

  test('an old copy serves for a day while the issuer is down, but not when it says it is somebody else', async () => {
    const { now, advance } = movable()
    const oauth = testOAuth({ now })
    const ask = () => oauth.metadata.endpoints(discovering(op), {})
    await ask()
    op.turnOn('disc.500')
    advance(3_600_001)
    expect(await ask()).toMatchObject({ token: op.tokenEndpoint })
    op.turnOff('disc.500')
    op.turnOn('disc.issuer_suffix')
    advance(10_001)
    await expect(ask()).rejects.toMatchObject(refusal('issuer_mismatch'))
    op.turnOff('disc.issuer_suffix')
    op.turnOn('disc.500')
    advance(86_400_000)
    await expect(ask()).rejects.toMatchObject(refusal('provider_unavailable'))
  })

  test('each fetch is observed with its result and seconds', async () => {
    const seen: unknown[] = []
    const oauth = testOAuth({ observeDiscovery: (result, seconds) => void seen.push([result, seconds >= 0]) })
    await oauth.metadata.endpoints(discovering(op), {})
    await oauth.metadata.endpoints(discovering(op), {}) // from memory: nothing to observe
    const other = lab.createProvider()
    other.turnOn('disc.issuer_suffix')
    await expect(oauth.metadata.endpoints(discovering(other), {})).rejects.toMatchObject(refusal('issuer_mismatch'))
    expect(seen).toEqual([
      ['success', true],
      ['error', true],
    ])
  })
})

test('an issuer template published in place of the issuer is accepted when the profile names it', async () => {
  const template = 'https://login.test/{tenantid}/v2.0'
  const server = await startHttp((_request, response) => {
    const origin = `http://127.0.0.1:${server.port}`
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify({ issuer: template, authorization_endpoint: `${origin}/a`, token_endpoint: `${origin}/t` }),
    )
  })
  const issuer = `http://127.0.0.1:${server.port}/common/v2.0`
  const members = { client_id: 'c', issuer, enable_discovery: true }
  const entra = profileOf(undefined, { ...members, id_token: { issuer_template: template } })
  expect(await testOAuth().metadata.endpoints(entra, {})).toMatchObject({ issuer, sendsIssuer: false })
  await expect(testOAuth().metadata.endpoints(profileOf(undefined, members), {})).rejects.toMatchObject(
    refusal('issuer_mismatch'),
  )
  await server.close()
})
