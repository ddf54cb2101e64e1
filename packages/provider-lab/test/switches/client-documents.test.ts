import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { startProviderLab, type LabProvider, type ProviderLab } from '../../src/index.js'
import { visitAuthorization } from '../../src/browser.js'
import { redirectUri } from '../client.js'
import { sendHttps } from '../https.js'

// The client's own server, with a certificate of the lab's authority.

let lab: ProviderLab
let server: Server
let origin: string
let clientId: string
let asked: string[]
let answer: RequestListener
beforeAll(async () => {
  lab = await startProviderLab({ tls: true })
})
afterAll(() => lab.close())
beforeEach(async () => {
  asked = []
  server = createServer(lab.issueCertificate({ names: ['localhost', '127.0.0.1'] }), (request, response) => {
    asked.push(request.url ?? '')
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `https://localhost:${(server.address() as AddressInfo).port}`
  clientId = `${origin}/client.json`
  answer = says(document())
})
afterEach(() => {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(resolve))
})

const document = (changed: object = {}): object => ({
  client_id: clientId,
  client_name: 'a client',
  redirect_uris: [redirectUri],
  ...changed,
})

const says =
  (body: unknown, headers: Record<string, string> = {}, status = 200) =>
  (_request: IncomingMessage, response: ServerResponse): void =>
    void response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body))

/** A provider that may reach this machine's own documents. */
const supported = (): LabProvider => lab.createProvider({ preset: 'mcp-cimd', clientDocumentHosts: ['localhost'] })

function authorize(provider: LabProvider, id = clientId): Promise<string> {
  const url = new URL(provider.authorizationEndpoint)
  const query = {
    response_type: 'code',
    client_id: id,
    redirect_uri: redirectUri,
    code_challenge: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU', // of the empty verifier
    code_challenge_method: 'S256',
  }
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  return visitAuthorization(url.href, { person: {}, ca: lab.caCertificate })
}

test('a client_id that is the URL of a document is a client, and the document is read once while it is fresh', async () => {
  answer = says(document(), { 'cache-control': 'max-age=60' })
  const provider = supported()
  for (let n = 0; n < 3; n++) expect(await authorize(provider)).toMatch(/[?&]code=code_/)
  expect(asked).toEqual(['/client.json'])
  provider.clock.advance(61_000)
  await authorize(provider)
  expect(asked).toHaveLength(2)
})

test('what Cache-Control forbids to keep is not kept, and a failure never is', async () => {
  answer = says(document(), { 'cache-control': 'no-store' })
  const provider = supported()
  await authorize(provider)
  answer = says('gone', {}, 404)
  await expect(authorize(provider)).rejects.toThrow('answered with 404')
  answer = says(document())
  expect(await authorize(provider)).toMatch(/[?&]code=/)
})

describe('a document is refused', () => {
  test.each<[string, () => RequestListener, string]>([
    ['that names another client', () => says(document({ client_id: `${clientId}1` })), 'names another client_id'],
    ['without a name', () => says(document({ client_name: undefined })), 'no client_name'],
    ['without redirect URIs', () => says(document({ redirect_uris: undefined })), 'invalid_redirect_uri'],
    ['with a secret', () => says(document({ client_secret: 's' })), 'has a client_secret'],
    [
      'that wants to use a secret',
      () => says(document({ token_endpoint_auth_method: 'client_secret_basic' })),
      'one of none, private_key_jwt',
    ],
    ['that is too long', () => says(document({ padding: 'x'.repeat(5_120) })), 'over 5120 bytes'],
    ['that is elsewhere', () => says('', { location: `${origin}/other.json` }, 302), 'answered with 302'],
    ['that is no JSON', () => says('<html>'), 'names another client_id'],
  ])('%s', async (_what, reply, problem) => {
    answer = reply()
    await expect(authorize(supported())).rejects.toThrow(problem)
    expect(asked).toEqual(['/client.json'])
  })

  test('whose redirect URI is not the one asked for', async () => {
    answer = says(document({ redirect_uris: [`${redirectUri}1`] }))
    await expect(authorize(supported())).rejects.toThrow('redirect_uri is not registered')
  })
})

describe('nothing is fetched from', () => {
  test.each([
    ['a private name', 'https://localhost:{port}/c.json', 'no public address'],
    ['a private address', 'https://127.0.0.1:{port}/c.json', 'no public address'],
    ['one in IPv6 dress', 'https://[::ffff:7f00:1]:{port}/c.json', 'no public address'],
    ['the metadata service', 'https://169.254.169.254/c.json', 'no public address'],
    ['plain http', 'http://localhost:{port}/c.json', 'not https'],
    ['a URL without path', 'https://localhost:{port}/', 'no canonical URL with a path'],
    ['a URL with dot segments', 'https://localhost:{port}/a/../c.json', 'no canonical URL with a path'],
    ['a number that is an address', 'https://2130706433:{port}/c.json', 'no canonical URL with a path'],
    ['a URL with a fragment', 'https://localhost:{port}/c.json#x', 'a fragment or a user name'],
    ['a URL with a user name', 'https://u@localhost:{port}/c.json', 'a fragment or a user name'],
  ])('%s', async (_what, url, problem) => {
    const provider = lab.createProvider({ preset: 'mcp-cimd' })
    const id = url.replace('{port}', new URL(origin).port)
    await expect(authorize(provider, id)).rejects.toThrow(problem)
    expect(asked).toEqual([])
  })
})

test('cimd.unsupported: not advertised, and such a client_id is unknown', async () => {
  const provider = supported()
  const metadataUrl = `${provider.issuer}/.well-known/oauth-authorization-server`
  const metadata = async () => {
    const { body } = await sendHttps(metadataUrl, { ca: lab.caCertificate })
    return (JSON.parse(body) as Record<string, unknown>)['client_id_metadata_document_supported']
  }
  expect(await metadata()).toBe(true)
  provider.turnOn('cimd.unsupported')
  expect(await metadata()).toBeUndefined()
  await expect(authorize(provider)).rejects.toThrow('unknown client_id')
  expect(asked).toEqual([])
})
