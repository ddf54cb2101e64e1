import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  presets,
  startProviderLab,
  switchFamilies,
  type PresetName,
  type ProviderLab,
  type TenantOptions,
} from '../../src/index.js'
import { clientOf, getJson, postForm, type TokenAnswer } from '../client.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

function start(preset: PresetName, options: TenantOptions = {}) {
  const provider = lab.createProvider({ preset, ...options })
  const { clientId, clientSecret, tokenEndpoint } = provider
  const post = (form: Record<string, string>, headers?: Record<string, string>): Promise<TokenAnswer> =>
    postForm(
      tokenEndpoint,
      { client_id: clientId, ...(!preset.startsWith('mcp') && { client_secret: clientSecret }), ...form },
      headers,
    )
  const refresh = (refreshToken: unknown, more: Record<string, string> = {}): Promise<TokenAnswer> =>
    post({ grant_type: 'refresh_token', refresh_token: String(refreshToken), ...more })
  const apiStatus = async (accessToken: unknown): Promise<number> =>
    (await fetch(provider.apiUrl, { headers: { authorization: `Bearer ${String(accessToken)}` } })).status
  return { provider, refresh, post, apiStatus, issued: provider.issue({ scope: 'openid api' }) }
}

/** The predecessor of a rotation, `ms` later: its status, and whether the grant lived on. */
async function predecessorAfter(
  preset: PresetName,
  ms: number,
): Promise<{ status: number; alive: boolean | undefined }> {
  const { provider, refresh, issued } = start(preset)
  expect((await refresh(issued.refreshToken)).body['refresh_token']).not.toBe(issued.refreshToken)
  provider.clock.advance(ms)
  const { status } = await refresh(issued.refreshToken)
  return { status, alive: provider.oracle().families[0]?.alive }
}

const minuteMs = 60_000

describe('class A, a stable refresh token that the answer leaves out', () => {
  test.each(['google', 'salesforce'] as const)('%s', async (preset) => {
    const { refresh, issued } = start(preset)
    const first = await refresh(issued.refreshToken)
    expect([first.status, 'refresh_token' in first.body]).toEqual([200, false])
    expect((await refresh(issued.refreshToken)).status).toBe(200)
  })
})

describe('class B, strict one use: a repeated refresh ends the grant', () => {
  test.each(['auth0', 'box', 'mcp', 'mcp-cimd', 'mcp-dcr'] as const)('%s', async (preset) => {
    expect(await predecessorAfter(preset, 0)).toEqual({ status: 400, alive: false })
  })

  test('slack says it with status 200', async () => {
    expect(await predecessorAfter('slack', 0)).toEqual({ status: 200, alive: false })
  })
})

describe('class C, rotation with grace', () => {
  test.each([
    ['okta', 30_000, 400],
    ['atlassian', 10 * minuteMs, 403],
    ['xero', 30 * minuteMs, 400],
  ] as const)('%s lets the predecessor work for %i ms and answers %i after that', async (preset, graceMs, refusal) => {
    expect(await predecessorAfter(preset, graceMs - 5_000)).toEqual({ status: 200, alive: true })
    expect(await predecessorAfter(preset, graceMs + 5_000)).toEqual({ status: refusal, alive: false })
  })
})

describe('class D, a refresh also ends the old access token', () => {
  test.each(['github', 'gitlab', 'zendesk'] as const)('%s', async (preset) => {
    const { refresh, issued, apiStatus } = start(preset)
    expect(await apiStatus(issued.accessToken)).toBe(200)
    const refreshed = await refresh(issued.refreshToken, { redirect_uri: 'https://app.test/cb' })
    expect(refreshed.status).toBe(200)
    expect(await apiStatus(issued.accessToken)).toBe(401)
  })
})

test('class E, microsoft: a new refresh token each time and the old ones go on', async () => {
  const { refresh, issued, provider } = start('microsoft')
  const answers = [await refresh(issued.refreshToken), await refresh(issued.refreshToken)]
  const tokens = answers.map(({ body }) => body['refresh_token'])
  expect(new Set([issued.refreshToken, ...tokens]).size).toBe(3)
  expect(provider.oracle().reuseCount).toBe(0)
})

test.each(['zendesk', 'salesforce'] as const)('class F, %s sends no expires_in', async (preset) => {
  const { refresh, issued } = start(preset)
  expect((await refresh(issued.refreshToken)).body).not.toHaveProperty('expires_in')
})

describe('class L, errors with HTTP 200', () => {
  test('slack: ok is false', async () => {
    expect(await start('slack').refresh('unknown')).toMatchObject({
      status: 200,
      body: { ok: false, error: 'invalid_grant' },
    })
  })

  test('slack: a success has ok, commas and token_type bot', async () => {
    const { refresh, provider } = start('slack')
    const { refreshToken } = provider.issue({ scope: 'chat:write users:read' })
    expect((await refresh(refreshToken)).body).toMatchObject({
      ok: true,
      token_type: 'bot',
      scope: 'chat:write,users:read',
    })
  })

  test('github: an error member, as a form unless JSON is accepted', async () => {
    const { post, refresh, issued } = start('github')
    expect(await refresh('unknown')).toMatchObject({ status: 200, body: { error: 'invalid_grant' } })
    const form = { grant_type: 'refresh_token', refresh_token: issued.refreshToken }
    expect((await post(form, { accept: '*/*' })).text).toMatch(/^access_token=/)
    expect((await start('github').refresh('unknown')).body).toHaveProperty('error')
  })
})

test('gitlab refuses a refresh that does not repeat redirect_uri', async () => {
  const { refresh, issued } = start('gitlab')
  expect(await refresh(issued.refreshToken)).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
})

test('salesforce tells where the instance is', async () => {
  const { refresh, issued } = start('salesforce')
  expect((await refresh(issued.refreshToken)).body['instance_url']).toMatch(/^https:/)
})

test('mcp takes a public client and insists on PKCE', async () => {
  const { provider } = start('mcp')
  const client = clientOf(provider)
  const callback = new URL(await provider.approve(client.authUrl({ code_challenge: undefined })))
  expect(callback.searchParams.get('error')).toBe('invalid_request')
  expect(callback.searchParams.get('iss')).toBe(provider.issuer)
})

test.each([
  ['mcp', {}],
  ['mcp-cimd', { client_id_metadata_document_supported: true }],
  ['mcp-dcr', { registration_endpoint: expect.stringMatching(/\/register$/) }],
] as const)('%s advertises no other way to become a client than its own', async (preset, advertised) => {
  const metadata = await getJson(`${start(preset).provider.issuer}/.well-known/oauth-authorization-server`)
  const { client_id_metadata_document_supported: cimd, registration_endpoint: dcr } = metadata
  expect(
    JSON.parse(JSON.stringify({ client_id_metadata_document_supported: cimd, registration_endpoint: dcr })),
  ).toEqual(advertised)
})

test('fapi2 takes pushed requests and proofs of possession alone, signs with PS256, and its tokens live five minutes', async () => {
  const { provider, refresh, issued } = start('fapi2')
  expect(await getJson(`${provider.issuer}/.well-known/openid-configuration`)).toMatchObject({
    id_token_signing_alg_values_supported: ['PS256'],
    authorization_response_iss_parameter_supported: true,
    require_pushed_authorization_requests: true,
  })
  const refused = (await fetch(clientOf(provider).authUrl(), { redirect: 'manual' })).headers.get('location') ?? ''
  expect(refused).not.toMatch(/[?&]code=/)
  expect(await refresh(issued.refreshToken)).toMatchObject({ status: 400, body: { error: 'invalid_dpop_proof' } })
})

describe('hostile5', () => {
  /** The switches that acted on each of so many requests, in a lab of its own: its dice are thrown in the same order. */
  const actedOn = async (requests: number): Promise<(readonly string[])[]> => {
    const lone = await startProviderLab({ seed: 3 })
    const provider = lone.createProvider({ preset: 'hostile5', oidc: false })
    for (let n = 0; n < requests; n++)
      await fetch(provider.apiUrl, { signal: AbortSignal.timeout(250) }).catch(() => undefined) // some hang
    const acted = provider.journal().map(({ switches }) => switches)
    await lone.close()
    return acted
  }

  test('spoils a few requests of each class, never most', async () => {
    const spoilt = (await actedOn(100)).filter((switches) => switches.length > 0)
    expect(spoilt.length).toBeGreaterThan(0)
    expect(spoilt.length).toBeLessThan(25)
  })

  test('the same seed spoils the same requests', async () => {
    expect(await actedOn(40)).toEqual(await actedOn(40))
  })

  test('shares five percent among the switches of a class', () => {
    const chances = Object.entries(presets.hostile5.switches()).filter(
      ([name]) => name in switchFamilies['resource server'],
    )
    const honest = chances.reduce((product, [, how]) => product * (1 - (how?.p ?? 0)), 1)
    expect(1 - honest).toBeCloseTo(0.05)
  })
})

test('every preset is tried here by name', () => {
  const tried = ['google', 'salesforce', 'auth0', 'box', 'mcp', 'mcp-cimd', 'mcp-dcr', 'slack', 'okta', 'atlassian', 'xero', 'github', 'gitlab', 'zendesk', 'microsoft', 'fapi2', 'hostile5'] // prettier-ignore
  expect(Object.keys(presets).sort()).toEqual(tried.sort())
})
