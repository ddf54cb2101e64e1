import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startProviderLab, type LabSwitch, type LabSwitchMode, type ProviderLab } from '../../src/index.js'
import { clientOf } from '../client.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

const arrange = (name: LabSwitch, how?: LabSwitchMode) => {
  const provider = lab.createProvider({ oidc: false })
  const held = provider.issue({ scope: 'read write' })
  provider.turnOn(name, how)
  return { provider, held, client: clientOf(provider), generation: () => provider.oracle().families[0]?.generation }
}

/** The raw answer to a refresh, for faults that a tidy client would hide. */
async function rawRefresh(name: LabSwitch, how?: LabSwitchMode) {
  const { provider, held, client, generation } = arrange(name, how)
  const response = await fetch(provider.tokenEndpoint, {
    method: 'POST',
    headers: { authorization: client.basic() },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: held.refreshToken }),
    redirect: 'manual',
    signal: AbortSignal.timeout(5_000),
  })
  return { provider, response, bytes: Buffer.from(await response.arrayBuffer()), generation }
}

describe('transport: not processed, so the held token is still the current one', () => {
  test.each([
    ['tok.redirect_307' as const, undefined, 307, 'location', /\/token$/],
    ['tok.429' as const, { value: 120 }, 429, 'retry-after', /^120$/],
    ['tok.5xx' as const, { value: 502 }, 502, 'content-type', /html/],
  ])('%s', async (name, how, status, header, expected) => {
    const { response, generation } = await rawRefresh(name, how)
    expect(response.status).toBe(status)
    expect(response.headers.get(header)).toMatch(expected)
    expect(generation()).toBe(1)
  })

  test('tok.429 may come without Retry-After', async () => {
    const { response } = await rawRefresh('tok.429', { value: null })
    expect(response.headers.has('retry-after')).toBe(false)
  })

  test.each([
    ['tok.reset_before_body' as const, 'cut'],
    ['tok.hang_unprocessed' as const, 'waited in vain'],
  ])('%s', async (name, experience) => {
    const { provider, client, held, generation } = arrange(name)
    const patienceMs = experience === 'cut' ? 5_000 : 200
    expect(await refreshWithin(patienceMs, provider.tokenEndpoint, client.basic(), held.refreshToken)).toBe(experience)
    expect([generation(), provider.journal('token')[0]?.answered]).toEqual([1, undefined])
  })
})

describe('transport: processed, so the client has lost what it did not read', () => {
  test.each([
    ['tok.reset_after_rotate' as const, 'cut'],
    ['tok.reset_mid_body' as const, 'cut'],
    ['tok.hang_headers' as const, 'waited in vain'],
    ['tok.hang_body' as const, 'waited in vain'],
    ['tok.many_headers' as const, 'cut'],
    ['tok.huge_header' as const, 'cut'],
  ])('%s', async (name, experience) => {
    const { provider, client, held, generation } = arrange(name)
    const patienceMs = experience === 'cut' ? 5_000 : 200
    expect(await refreshWithin(patienceMs, provider.tokenEndpoint, client.basic(), held.refreshToken)).toBe(experience)
    expect(generation()).toBe(2)
  })

  test('tok.5xx_after_rotate', async () => {
    const { response, generation } = await rawRefresh('tok.5xx_after_rotate')
    expect([response.status, generation()]).toEqual([503, 2])
  })

  test('tok.drip_body comes whole in the end', async () => {
    const { bytes } = await rawRefresh('tok.drip_body', { value: 1 })
    expect(JSON.parse(bytes.toString())).toHaveProperty('access_token')
  })

  test('tok.huge is valid JSON of the size asked for', async () => {
    const { bytes } = await rawRefresh('tok.huge', { value: 3_000_000 })
    expect(bytes.length).toBeGreaterThanOrEqual(3_000_000)
    expect(JSON.parse(bytes.toString())).toHaveProperty('access_token')
  })

  test('tok.gzip_bomb is small on the wire and large in memory', async () => {
    const { response, bytes } = await rawRefresh('tok.gzip_bomb', { value: 4_000_000 })
    expect(Number(response.headers.get('content-length'))).toBeLessThan(10_000)
    expect(bytes.length).toBeGreaterThan(4_000_000)
  })
})

describe('content that is not a JSON object', () => {
  test.each([
    ['tok.form_encoded' as const, /^access_token=at_/],
    ['tok.not_json' as const, /^<!DOCTYPE html>/],
    ['tok.truncated_json' as const, /^\{"access_token".*[^}]$/],
    ['tok.empty' as const, /^$/],
    ['tok.bom' as const, /^\uFEFF\{/],
    ['tok.utf16' as const, /^\S+\{\0"\0/],
    ['tok.nan' as const, /"expires_in":NaN/],
    ['tok.duplicate_keys' as const, /"access_token":"at_.*"access_token":"second"/],
    ['tok.array' as const, /^\[\{/],
    ['tok.deep_json' as const, /^\[{100000}\]{100000}$/],
    ['tok.prototype_keys' as const, /"__proto__":\{"polluted":true\}/],
    ['tok.text_plain' as const, /^\{"access_token"/],
  ])('%s', async (name, expected) => {
    const { response, bytes, generation } = await rawRefresh(name)
    expect(bytes.toString()).toMatch(expected)
    expect([response.status, generation()]).toEqual([200, 2])
  })

  test('the content type tells form and text apart', async () => {
    const type = async (name: LabSwitch) => (await rawRefresh(name)).response.headers.get('content-type')
    expect(await type('tok.form_encoded')).toBe('application/x-www-form-urlencoded')
    expect(await type('tok.text_plain')).toBe('text/plain')
    expect(await type('tok.form_unless_json_accepted')).toBe('application/x-www-form-urlencoded')
  })
})

describe('content with odd members', () => {
  test.each([
    ['tok.no_token_type' as const, 'token_type', undefined],
    ['tok.type_bot' as const, 'token_type', 'bot'],
    ['tok.bEARER' as const, 'token_type', 'bEARER'],
    ['tok.no_expires_in' as const, 'expires_in', undefined],
    ['tok.expires_in_string' as const, 'expires_in', '3600'],
    ['tok.expires_in_float' as const, 'expires_in', 3600.5],
    ['tok.expires_in_negative' as const, 'expires_in', -1],
    ['tok.expires_in_zero' as const, 'expires_in', 0],
    ['tok.expires_in_huge' as const, 'expires_in', 1e308],
    ['tok.expires_in_null' as const, 'expires_in', null],
    ['tok.expires_in_array' as const, 'expires_in', [3600]],
    ['tok.missing_access_token' as const, 'access_token', undefined],
    ['tok.scope_narrower' as const, 'scope', 'read'],
    ['tok.scope_wider' as const, 'scope', 'read write admin'],
    ['tok.scope_array' as const, 'scope', ['read', 'write']],
    ['tok.scope_missing' as const, 'scope', undefined],
    ['tok.crlf_in_token' as const, 'access_token', expect.stringMatching(/\r\nx-injected: 1$/)],
    ['tok.nul_in_token' as const, 'access_token', expect.stringMatching(/\0$/)],
    ['tok.64kb_token' as const, 'access_token', expect.stringMatching(/^.{65536}$/)],
    ['tok.non_ascii_token' as const, 'access_token', expect.stringMatching(/é🙂$/)],
  ])('%s', async (name, member, expected) => {
    const { client, held, generation } = arrange(name)
    const { status, body } = await client.refresh(held.refreshToken)
    expect(status).toBe(200)
    expect(body[member]).toEqual(expected)
    expect(body['refresh_token']).toMatch(/^rt_/)
    expect(generation()).toBe(2)
  })

  test('tok.200_error is an error in the clothes of a success', async () => {
    const github = arrange('tok.200_error')
    expect(await github.client.refresh(github.held.refreshToken)).toMatchObject({
      status: 200,
      body: { error: 'bad_verification_code' },
    })
    const slack = arrange('tok.200_error', { value: 'slack' })
    expect((await slack.client.refresh(slack.held.refreshToken)).body).toEqual({ ok: false, error: 'invalid_code' })
    expect(slack.generation()).toBe(1)
  })

  test('tok.error_echoes_token repeats the refresh token in the text', async () => {
    const { client, held } = arrange('tok.error_echoes_token')
    expect((await client.refresh(held.refreshToken)).text).toContain(held.refreshToken)
  })
})

/** What a client with little patience lives through: the body, a connection cut short, or nothing. */
async function refreshWithin(
  patienceMs: number,
  url: string,
  authorization: string,
  refreshToken: string,
): Promise<string> {
  const signal = AbortSignal.timeout(patienceMs)
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken })
  try {
    return await (await fetch(url, { method: 'POST', headers: { authorization }, body, signal })).text()
  } catch {
    return signal.aborted ? 'waited in vain' : 'cut'
  }
}
