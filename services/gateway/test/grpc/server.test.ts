import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentials, Metadata, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { protoPath as healthProto } from 'grpc-health-check'
import { answerJson, callerKey, connectionId, startStandIn, startTestGateway } from '../gateway.js'
import type { BrokerStandIn, TestGateway } from '../gateway.js'
import { failureOf, fromStruct, openRpc, type RpcClient } from './client.js'
import { openClient } from './proto-client.js'

let broker: BrokerStandIn
let gateway: TestGateway
let rpc: RpcClient

const token = { access_token: 'at', expires_in: 3599, credentials: { access_token: 'at', list: [1, null] } }

beforeAll(async () => {
  broker = await startStandIn(({ url }, response) => {
    if (url.endsWith('/status'))
      return answerJson(response, 200, { status: 'pending', reason: null, detail: 'open the link' })
    if (url === '/auth/consent-spec') {
      const spec = { authUrl: 'https://idp/a', state: 's', scopes: null, provider_id: 'p', connection_id: connectionId }
      return answerJson(response, 200, spec, { 'Idempotent-Replayed': 'true' })
    }
    return answerJson(response, 200, token)
  })
  gateway = await startTestGateway({ BROKER_BASE_URL: broker.url, BROKER_API_KEY: 'dk_gateway_own' })
  rpc = openRpc(gateway.grpcPort)
})
beforeEach(() => void broker.received.splice(0))
afterAll(async () => {
  rpc.close()
  await gateway.close()
  await broker.close()
})

const key = { 'x-api-key': callerKey }
const id = { connection_id: connectionId }
const consentRequest = { user_id: 'u', provider_id: 'p', return_url: 'https://app.example/done' }

describe.each(['oha.v1.OHAService', 'nexus.v1.NexusService'])('%s', (service) => {
  test('serves all four methods (fault 58)', async () => {
    const consent = await rpc.call(`/${service}/RequestConnection`, consentRequest, {
      ...key,
      'idempotency-key': 'i-1',
    })
    expect(consent.message).toEqual({ auth_url: 'https://idp/a', state: 's', scopes: [], provider_id: 'p', ...id })
    expect(consent.headers.get('idempotent-replayed')).toEqual(['true'])
    expect(broker.received[0]?.headers['idempotency-key']).toBe('i-1')
    expect(JSON.parse(broker.received[0]?.body ?? '')).toEqual({
      workspace_id: 'u',
      provider_id: 'p',
      return_url: 'https://app.example/done',
      scopes: null,
    })
    const wish = { ...consentRequest, scopes: ['a'], variables: { shop: 'x' } }
    await rpc.call(`/${service}/RequestConnection`, wish, key)
    expect(JSON.parse(broker.received[1]?.body ?? '')).toMatchObject({ scopes: ['a'], variables: { shop: 'x' } })
    const check = await rpc.call(`/${service}/CheckConnection`, id, key)
    expect(check.message).toEqual({ status: 'pending', detail: 'open the link' })
    for (const method of ['GetToken', 'RefreshConnection'])
      expect(fromStruct((await rpc.call(`/${service}/${method}`, id, key)).message.token)).toEqual(token)
  })

  test.each(['RequestConnection', 'CheckConnection', 'GetToken', 'RefreshConnection'])(
    '%s refuses a caller without a key and forwards the one of a caller with one (fault 9)',
    async (method) => {
      const message = method === 'RequestConnection' ? consentRequest : id
      const refused = await failureOf(rpc.call(`/${service}/${method}`, message))
      expect([refused.code, refused.reason, broker.received]).toEqual([status.UNAUTHENTICATED, 'missing_api_key', []])
      const metadata = { authorization: `Bearer ${callerKey}`, 'x-request-id': 'req-12345678' }
      const { headers } = await rpc.call(`/${service}/${method}`, message, metadata)
      expect(headers.get('x-request-id')).toEqual(['req-12345678'])
      expect(broker.received[0]?.headers).toMatchObject({
        authorization: `Bearer ${callerKey}`,
        'x-api-key': 'dk_gateway_own',
        'x-request-id': 'req-12345678',
        'x-forwarded-for': expect.stringMatching(/^(127\.0\.0\.1|::1)$/),
      })
    },
  )

  test('names what is missing or wrong', async () => {
    const failures = await Promise.all([
      failureOf(rpc.call(`/${service}/RequestConnection`, {}, key)),
      failureOf(rpc.call(`/${service}/CheckConnection`, {}, key)),
      failureOf(rpc.call(`/${service}/GetToken`, { connection_id: '../providers' }, key)),
      failureOf(rpc.call(`/${service}/RefreshConnection`, { connection_id: ' ' }, key)),
      failureOf(rpc.call(`/${service}/GetToken`, id, { ...key, authorization: 'Bearer dk_other_key' })),
    ])
    expect(failures.map(({ code }) => code)).toEqual(failures.map(() => status.INVALID_ARGUMENT))
    expect(failures.map(({ reason }) => reason)).toEqual([
      'missing_fields',
      'invalid_connection_id',
      'invalid_connection_id',
      'invalid_connection_id',
      'invalid_request',
    ])
    expect(broker.received).toEqual([])
  })
})

describe('the gRPC server', () => {
  test('refuses messages over 64 KiB and methods it does not have, and lives on', async () => {
    const large = { ...consentRequest, user_id: 'u'.repeat(70_000) }
    const refused = await failureOf(rpc.call('/oha.v1.OHAService/RequestConnection', large, key))
    expect(refused.code).toBe(status.RESOURCE_EXHAUSTED)
    const unknown = await new Promise((resolve) =>
      rpc.client.makeUnaryRequest(
        '/oha.v1.OHAService/Nothing',
        () => Buffer.alloc(0),
        String,
        {},
        (error) => resolve(error?.code),
      ),
    )
    expect(unknown).toBe(status.UNIMPLEMENTED)
    expect((await rpc.call('/oha.v1.OHAService/CheckConnection', id, key)).message.status).toBe('pending')
  })

  test('lives on after oversized metadata and after calls cancelled by the thousand', async () => {
    const oversized = rpc.call('/oha.v1.OHAService/CheckConnection', id, { ...key, 'x-filler': 'a'.repeat(1_000_000) })
    await expect(oversized).rejects.toThrow()
    const other = openRpc(gateway.grpcPort)
    const gone = new AbortController()
    const calls = Array.from({ length: 1000 }, () =>
      failureOf(other.call('/oha.v1.OHAService/CheckConnection', id, key, { signal: gone.signal })),
    )
    gone.abort()
    const codes = new Set((await Promise.all(calls)).map(({ code }) => code))
    expect(codes).toEqual(new Set([status.CANCELLED]))
    expect((await other.call('/oha.v1.OHAService/CheckConnection', id, key)).message.status).toBe('pending')
    other.close()
  })

  test('counts calls by method and status in the same metrics as HTTP', async () => {
    await failureOf(rpc.call('/oha.v1.OHAService/GetToken', id))
    const text = await (await fetch(`${gateway.url}/metrics`)).text()
    expect(text).toMatch(
      /requests_total\{edge="grpc",route="\/oha.v1.OHAService\/GetToken",status="UNAUTHENTICATED"\} \d/,
    )
    expect(text).toContain('dromos_gateway_requests_in_flight{edge="grpc"} 0')
  })

  test('answers grpc.health.v1 for itself and for each service (fault 9)', async () => {
    const health = openHealth(gateway.grpcPort)
    for (const service of ['', 'oha.v1.OHAService', 'nexus.v1.NexusService'])
      expect(await health.check(service)).toBe('SERVING')
    await expect(health.check('unknown')).rejects.toMatchObject({ code: status.NOT_FOUND })
    health.close()
  })

  test('finishes calls in flight before it closes, even while somebody watches its health', async () => {
    // Slower than the time that a closing server leaves to its watchers.
    const arrivals: (() => void)[] = []
    const arrived = new Promise<void>((resolve) => arrivals.push(resolve))
    const slow = await startStandIn((_request, response) => {
      for (const each of arrivals) each()
      setTimeout(() => answerJson(response, 200, { a: 1 }), 500)
    })
    const other = await startTestGateway({ BROKER_BASE_URL: slow.url })
    const client = openRpc(other.grpcPort)
    const health = openHealth(other.grpcPort)
    const watched = health.watch()
    const call = client.call('/oha.v1.OHAService/GetToken', id, key)
    await arrived
    const closed = other.close()
    expect(fromStruct((await call).message.token)).toEqual({ a: 1 })
    await closed
    expect(await watched).toEqual(['SERVING', 'NOT_SERVING'])
    health.close()
    client.close()
    await slow.close()
  })

  test('speaks TLS when it has a certificate, and does not start with one that is none (fault 9)', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dromos-tls-'))
    const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2']
    const key256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    execFileSync('openssl', ['req', '-x509', ...key256, '-keyout', keyFile, '-out', certFile, ...subject], {
      stdio: 'ignore',
    })
    const files = { GRPC_TLS_CERT_FILE: certFile, GRPC_TLS_KEY_FILE: keyFile }
    const secure = await startTestGateway({ BROKER_BASE_URL: broker.url, ...files })
    const client = openRpc(secure.grpcPort, credentials.createSsl(readFileSync(certFile)))
    expect((await client.call('/oha.v1.OHAService/CheckConnection', id, key)).message.status).toBe('pending')
    client.close()
    await secure.close()
    await expect(startTestGateway({ ...files, GRPC_TLS_KEY_FILE: certFile })).rejects.toThrow('GRPC_TLS_CERT_FILE')
  })
})

function openHealth(port: number) {
  const client = openClient(healthProto, 'grpc.health.v1.Health', port)
  return {
    check: (service: string): Promise<string> =>
      new Promise((resolve, reject) => {
        client.check?.({ service }, new Metadata(), (error: Error | null, answer: { status: string }) =>
          error === null ? resolve(answer.status) : reject(error),
        )
      }),
    /** Every status until the server hangs up. */
    watch: (): Promise<string[]> =>
      new Promise((resolve) => {
        const seen: string[] = []
        const stream = client.watch?.({ service: '' })
        stream?.on('data', (answer: { status: string }) => seen.push(answer.status))
        stream?.on('error', () => resolve(seen))
      }),
    close: () => client.close(),
  }
}
