import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startProviderLab, type LabProvider, type ProviderLab } from '../../src/index.js'
import { clientOf } from '../client.js'
import { proof } from '../possession.js'

// Pushed authorization requests (RFC 9126) and proofs of possession (RFC 9449): honest, and with their switches on.

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

async function post(
  provider: LabProvider,
  url: string,
  form: Record<string, string>,
  dpop?: string,
): Promise<{ status: number; nonce: string | null; body: Record<string, unknown> }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: clientOf(provider).basic(), ...(dpop !== undefined && { dpop }) },
    body: new URLSearchParams(form),
  })
  const text = await response.text()
  const body = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {}
  return { status: response.status, nonce: response.headers.get('dpop-nonce'), body }
}

describe('pushed requests', () => {
  const push = (provider: LabProvider, form: Record<string, string> = {}) => {
    const params = Object.fromEntries(new URL(clientOf(provider).authUrl()).searchParams)
    return post(provider, provider.parEndpoint, { ...params, ...form })
  }
  const visit = (provider: LabProvider, requestUri: unknown, extra: Record<string, string> = {}) => {
    const query = { client_id: provider.clientId, request_uri: String(requestUri), ...extra }
    return provider.approve(`${provider.authorizationEndpoint}?${new URLSearchParams(query).toString()}`)
  }

  test('a reference leads to a code, once, and stands alone in the URL', async () => {
    const provider = lab.createProvider({ par: 'required' })
    const { status, body } = await push(provider)
    expect({ status, body }).toMatchObject({ status: 201, body: { expires_in: 60 } })
    expect(new URL(await visit(provider, body.request_uri)).searchParams.get('code')).toMatch(/^code_/)
    await expect(visit(provider, body.request_uri)).rejects.toThrow('not a pushed request')
    const another = (await push(provider)).body.request_uri
    await expect(visit(provider, another, { scope: 'admin' })).rejects.toThrow('not a pushed request')
    await expect(provider.approve(clientOf(provider).authUrl())).rejects.toThrow('not a pushed request')
  })

  test('a reference ends after a minute, and may not name another one', async () => {
    const provider = lab.createProvider({ par: 'supported' })
    const { body } = await push(provider)
    provider.clock.advance(60_000)
    await expect(visit(provider, body.request_uri)).rejects.toThrow('not a pushed request')
    expect((await push(provider, { request_uri: 'urn:x' })).status).toBe(400)
  })

  test.each([
    ['par.refused' as const, 400],
    ['par.5xx' as const, 503],
  ])('%s', async (name, status) => {
    const provider = lab.createProvider({ par: 'supported' })
    provider.turnOn(name)
    expect((await push(provider)).status).toBe(status)
  })
})

describe('proofs at the token endpoint', () => {
  const exchange = async (provider: LabProvider, dpop?: string) => {
    const client = clientOf(provider)
    const code = new URL(await provider.approve(client.authUrl())).searchParams.get('code') ?? ''
    const redirect_uri = 'https://app.test/auth/callback'
    const form = { grant_type: 'authorization_code', code, redirect_uri, code_verifier: client.verifier }
    return post(provider, provider.tokenEndpoint, form, dpop)
  }
  const here = (provider: LabProvider) => ({ method: 'POST', url: provider.tokenEndpoint })

  test('bind the token; one that is wrong, used or missing is refused', async () => {
    const provider = lab.createProvider({ dpop: 'required' })
    const good = proof(here(provider))
    expect((await exchange(provider, good)).body).toMatchObject({ token_type: 'DPoP' })
    const wrong = [
      good,
      undefined,
      proof({ ...here(provider), method: 'GET' }),
      proof({ ...here(provider), url: provider.apiUrl }),
      proof(here(provider), { header: { typ: 'JWT' } }),
      proof(here(provider), { claims: { iat: 0 } }),
      proof(here(provider), { claims: { jti: undefined } }),
    ]
    for (const each of wrong) expect((await exchange(provider, each)).body.error).toBe('invalid_dpop_proof')
  })

  test('tok.dpop_nonce refuses the first one and takes the next', async () => {
    const provider = lab.createProvider({ dpop: 'required' })
    provider.turnOn('tok.dpop_nonce')
    const refused = await exchange(provider, proof(here(provider)))
    expect(refused).toMatchObject({ status: 400, nonce: 'as-nonce-1', body: { error: 'use_dpop_nonce' } })
    expect((await exchange(provider, proof({ ...here(provider), nonce: 'as-nonce-1' }))).status).toBe(200)
  })

  test('tok.token_type_dpop_downgrade', async () => {
    const provider = lab.createProvider({ dpop: 'required' })
    provider.turnOn('tok.token_type_dpop_downgrade')
    expect((await exchange(provider, proof(here(provider)))).body.token_type).toBe('Bearer')
  })

  test('rs.dpop_nonce and rs.dpop_scheme_case: the challenge of a resource', async () => {
    const provider = lab.createProvider({ dpop: 'required' })
    const token = String((await exchange(provider, proof(here(provider)))).body.access_token)
    provider.turnOn('rs.dpop_nonce')
    provider.turnOn('rs.dpop_scheme_case')
    const call = (nonce?: string) =>
      fetch(provider.apiUrl, {
        headers: {
          authorization: `DPoP ${token}`,
          dpop: proof({
            method: 'GET',
            url: provider.apiUrl,
            accessToken: token,
            ...(nonce !== undefined && { nonce }),
          }),
        },
      })
    const refused = await call()
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toMatch(/^dPoP error="use_dpop_nonce", algs="ES256"/)
    expect((await call(refused.headers.get('dpop-nonce') ?? '')).status).toBe(200)
    expect((await fetch(provider.apiUrl, { headers: { authorization: `Bearer ${token}` } })).status).toBe(401)
  })
})
