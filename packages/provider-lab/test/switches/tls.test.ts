import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { RequestOptions } from 'node:https'
import { startProviderLab, tlsFaults, type ProviderLab } from '../../src/index.js'
import { sendHttps, type Sent } from '../https.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab({ tls: true })
})
afterAll(() => lab.close())

/** A client that trusts the lab's authority and nothing else. */
const send = (url: string, options: RequestOptions = {}): Promise<Sent> =>
  sendHttps(url, { ca: lab.caCertificate, ...options }, options.method === 'POST' ? 'client_secret=s3cret' : undefined)

test('every endpoint is HTTPS, and a client that trusts the authority gets through, by name and by address', async () => {
  const provider = lab.createProvider()
  const discovery = `${provider.issuer}/.well-known/openid-configuration`
  for (const url of [discovery, discovery.replace('127.0.0.1', 'localhost')]) {
    const { status, body } = await send(url, { method: 'GET', family: 4 })
    expect([status, JSON.parse(body)]).toEqual([200, expect.objectContaining({ issuer: provider.issuer })])
  }
  expect(provider.attackerUrl).toMatch(/^https:/)
  await expect(send(discovery, { ca: [] })).rejects.toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
})

describe('the metadata leads to a token endpoint whose TLS is broken', () => {
  const brokenEndpoint = async (fault: string) => {
    const provider = lab.createProvider()
    if (fault === 'silent') provider.turnOn('tok.hang_connect')
    else provider.turnOn('tok.tls_bad', { value: fault })
    const { body } = await send(`${provider.issuer}/.well-known/openid-configuration`, { method: 'GET' })
    return { provider, url: (JSON.parse(body) as { token_endpoint: string }).token_endpoint }
  }

  test.each([
    ['expired', 'CERT_HAS_EXPIRED'],
    ['wrong_host', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['self_signed', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['old_protocol', 'EPROTO'],
  ])('%s: a careful client ends with %s and has sent nothing, a careless one is seen', async (fault, code) => {
    const { provider, url } = await brokenEndpoint(fault)
    await expect(send(url, { method: 'POST' })).rejects.toMatchObject({ code })
    expect(provider.journal('token')).toEqual([])
    const careless = { rejectUnauthorized: false, minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    await send(url, { method: 'POST', ...careless })
    expect(provider.journal('token')).toMatchObject([{ rawBody: 'client_secret=s3cret' }])
  })

  test('silent: the handshake never ends', async () => {
    const { provider, url } = await brokenEndpoint('silent')
    const leave = new AbortController()
    const sent = send(url, { method: 'POST', signal: leave.signal })
    sent.catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 50))
    leave.abort()
    await expect(sent).rejects.toMatchObject({ name: 'AbortError' })
    expect(provider.journal('token')).toEqual([])
  })

  test('the origins are told, for clients that are configured with endpoints', () => {
    expect(Object.keys(lab.createProvider().tlsFaultUrls)).toEqual([...tlsFaults])
  })
})

test('a lab without TLS refuses these switches and says what to do', async () => {
  const plain = await startProviderLab()
  expect(plain.caCertificate).toBeUndefined()
  expect(() => plain.createProvider().turnOn('tok.tls_bad')).toThrow('start it with tls')
  await plain.close()
})
