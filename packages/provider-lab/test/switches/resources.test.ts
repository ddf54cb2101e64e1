import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startProviderLab, type LabSwitch, type ProviderLab } from '../../src/index.js'
import { clientOf, signatureIsRight, decode } from '../client.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

async function resource(endpoint: 'userinfoEndpoint' | 'apiUrl', name: LabSwitch, value?: unknown) {
  const provider = lab.createProvider({ signingAlg: 'ES256' })
  const { accessToken } = provider.issue()
  provider.turnOn(name, { value })
  const response = await fetch(provider[endpoint], {
    headers: { authorization: `Bearer ${accessToken}` },
    signal: AbortSignal.timeout(name === 'ui.hang' ? 100 : 5_000),
  })
  return { provider, response, text: await response.text() }
}

describe('userinfo', () => {
  test.each([
    ['ui.sub_mismatch' as const, 200, /"sub":"user-1invalid"/],
    ['ui.no_sub' as const, 200, /^\{\}$/],
    ['ui.401' as const, 401, /invalid_token/],
    ['ui.500' as const, 500, /html/],
    ['ui.html' as const, 200, /<html>/],
  ])('%s', async (name, status, body) => {
    const { response, text } = await resource('userinfoEndpoint', name)
    expect(response.status).toBe(status)
    expect(text).toMatch(body)
  })

  test.each([
    ['ui.signed' as const, true],
    ['ui.signed_bad' as const, false],
  ])('%s is a JWT for this client; its signature is right: %s', async (name, right) => {
    const { provider, response, text } = await resource('userinfoEndpoint', name)
    expect(response.headers.get('content-type')).toBe('application/jwt')
    expect(decode(text).claims).toEqual({ sub: 'user-1', iss: provider.issuer, aud: 'lab-client' })
    expect(await signatureIsRight(provider, text)).toBe(right)
  })

  test.each([
    ['ui.signed_iss+1' as const, 'iss'],
    ['ui.signed_aud+1' as const, 'aud'],
  ])('%s is rightly signed, with a near miss in %s', async (name, claim) => {
    const { provider, text } = await resource('userinfoEndpoint', name)
    const right: Record<string, string> = { iss: provider.issuer, aud: 'lab-client' }
    expect(decode(text).claims[claim]).toBe(`${right[claim]}1`)
    expect(await signatureIsRight(provider, text)).toBe(true)
  })

  test('ui.huge', async () => {
    expect((await resource('userinfoEndpoint', 'ui.huge', 1_000_000)).text.length).toBeGreaterThanOrEqual(1_000_000)
  })

  test('ui.hang', async () => {
    await expect(resource('userinfoEndpoint', 'ui.hang')).rejects.toThrow()
  })
})

describe('the protected API', () => {
  test.each([
    ['rs.401_invalid_token' as const, 401, 'www-authenticate', /invalid_token/],
    ['rs.403_insufficient_scope' as const, 403, 'www-authenticate', /insufficient_scope.*scope="admin"/],
    ['rs.429' as const, 429, 'retry-after', /^1$/],
    ['rs.5xx' as const, 503, 'content-type', /html/],
  ])('%s', async (name, status, header, expected) => {
    const { response } = await resource('apiUrl', name)
    expect(response.status).toBe(status)
    expect(response.headers.get(header)).toMatch(expected)
  })
})

describe('revocation that revokes nothing', () => {
  test.each([
    ['rev.200_unknown' as const, 200],
    ['rev.503_retry_after' as const, 503],
    ['rev.400_unsupported_token_type' as const, 400],
  ])('%s', async (name, status) => {
    const provider = lab.createProvider({ oidc: false })
    const { refreshToken } = provider.issue()
    provider.turnOn(name)
    const answer = await clientOf(provider).postToken({ token: refreshToken }, provider.revocationEndpoint)
    expect([answer.status, provider.oracle().families[0]?.alive]).toEqual([status, true])
  })

  test('rev.hang', async () => {
    const provider = lab.createProvider({ oidc: false })
    provider.turnOn('rev.hang')
    const hanging = fetch(provider.revocationEndpoint, { method: 'POST', signal: AbortSignal.timeout(100) })
    await expect(hanging).rejects.toThrow()
  })
})
