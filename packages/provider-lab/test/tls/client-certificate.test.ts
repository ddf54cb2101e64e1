import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { X509Certificate } from 'node:crypto'
import { selfSigned, startProviderLab, type Certified, type LabProvider, type ProviderLab } from '../../src/index.js'
import { sendHttps } from '../https.js'

// RFC 8705 section 2: a certificate at the TLS handshake instead of a secret.

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab({ tls: true })
})
afterAll(() => lab.close())

type Wish = { url?: string | undefined; certificate?: Certified; form?: Record<string, string> }

/** Refreshes; answers the status, the error if there is one, and what is said of it. */
async function refresh(provider: LabProvider, { url, certificate, form = {} }: Wish) {
  const { refreshToken } = provider.issue()
  const grant = { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: provider.clientId }
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const { status, body } = await sendHttps(
    url ?? provider.mtlsAliases?.tokenEndpoint ?? '',
    { method: 'POST', headers, ca: lab.caCertificate, ...certificate },
    new URLSearchParams({ ...grant, ...form }).toString(),
  )
  const { error, error_description: why } = JSON.parse(body) as { error?: string; error_description?: string }
  return [status, error, why]
}

const mine = (): Certified => lab.issueCertificate({ names: ['lab-client'] })

test('tls_client_auth: a certificate of the authority whose subject is the client', async () => {
  const provider = lab.createProvider({ clientAuth: 'tls_client_auth' })
  const certificate = mine()
  expect(await refresh(provider, { certificate })).toEqual([200, undefined, undefined])
  expect(provider.journal('token')).toMatchObject([
    { certificate: { commonName: 'lab-client', vouchedFor: true, thumbprint: expect.stringMatching(/^[\w-]{43}$/) } },
  ])
})

describe('tls_client_auth refuses', () => {
  const wrong = "not a certificate of the lab's authority"
  const missing = 'no client certificate: use mtls_endpoint_aliases'
  test.each<[string, () => Wish, string]>([
    ['nobody', () => ({}), missing],
    ['another subject', () => ({ certificate: lab.issueCertificate({ names: ['lab-client1'] }) }), 'another subject'],
    ['a certificate that vouches for itself', () => ({ certificate: selfSigned({ names: ['lab-client'] }) }), wrong],
    [
      'an expired one',
      () => ({ certificate: lab.issueCertificate({ names: ['lab-client'], validForDays: -1 }) }),
      wrong,
    ],
    ['a secret beside it', () => ({ certificate: mine(), form: { client_secret: 's' } }), 'client_secret_post'],
  ])('%s', async (_who, wish, why) => {
    const provider = lab.createProvider({ clientAuth: 'tls_client_auth' })
    expect(await refresh(provider, wish())).toEqual([401, 'invalid_client', expect.stringContaining(why)])
    expect(provider.oracle().refreshes).toBe(0)
  })

  test('a client that does not use the alias, where nobody asks for certificates', async () => {
    const provider = lab.createProvider({ clientAuth: 'tls_client_auth' })
    const wish = { url: provider.tokenEndpoint, certificate: mine() }
    expect(await refresh(provider, wish)).toEqual([401, 'invalid_client', missing])
  })
})

test('self_signed_tls_client_auth: the registered certificate and no other, whoever vouches for it', async () => {
  const certificate = selfSigned({ names: ['anything'] })
  const provider = lab.createProvider({
    clientAuth: 'self_signed_tls_client_auth',
    clientCertificate: certificate.cert,
  })
  expect(await refresh(provider, { certificate })).toEqual([200, undefined, undefined])
  for (const other of [selfSigned({ names: ['anything'] }), mine()]) {
    expect(await refresh(provider, { certificate: other })).toEqual([
      401,
      'invalid_client',
      'not the registered certificate',
    ])
  }
  expect(() => lab.createProvider({ clientCertificate: 'PEM?' })).toThrow('no certificate in PEM')
})

test('ca.mtls_only: advertised, with the aliases; a certificate is accepted and the secret that was right is not', async () => {
  const provider = lab.createProvider()
  provider.turnOn('ca.mtls_only')
  const { body } = await sendHttps(`${provider.issuer}/.well-known/openid-configuration`, { ca: lab.caCertificate })
  expect(JSON.parse(body)).toMatchObject({
    token_endpoint_auth_methods_supported: ['tls_client_auth'],
    mtls_endpoint_aliases: {
      token_endpoint: provider.mtlsAliases?.tokenEndpoint,
      revocation_endpoint: provider.mtlsAliases?.revocationEndpoint,
    },
  })
  expect((await refresh(provider, { form: { client_secret: provider.clientSecret } }))[1]).toBe('invalid_client')
  expect((await refresh(provider, { certificate: mine() }))[0]).toBe(200)
})

test('without TLS there is no alias and no certificate', async () => {
  const plain = await startProviderLab()
  expect(plain.createProvider().mtlsAliases).toBeUndefined()
  expect(() => plain.issueCertificate({ names: ['x'] })).toThrow('start it with tls')
  await plain.close()
})

test('a certificate is for the names it was asked for', () => {
  expect(new X509Certificate(mine().cert).subject).toBe('CN=lab-client')
})
