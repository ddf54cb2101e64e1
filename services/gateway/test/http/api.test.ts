import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { answerJson, callerKey, connectionId, startStandIn, startTestGateway } from '../gateway.js'
import type { BrokerStandIn, TestGateway } from '../gateway.js'

let broker: BrokerStandIn
let gateway: TestGateway

const consent = { authUrl: 'https://idp/a', state: 's.t', scopes: null, provider_id: 'p', connection_id: connectionId }
const token = { access_token: 'at', expires_in: 3599, strategy: { type: 'oauth2' }, novel_member: [1] }

beforeAll(async () => {
  broker = await startStandIn(({ url }, response) => {
    if (url === '/auth/consent-spec') return answerJson(response, 200, consent, { 'Idempotent-Replayed': 'true' })
    if (url.endsWith('/status')) return answerJson(response, 200, { status: 'active', reason: null, detail: '' })
    return answerJson(response, 200, token)
  })
  gateway = await startTestGateway({ BROKER_BASE_URL: broker.url, BROKER_API_KEY: 'dk_gateway_own' })
})
beforeEach(() => void broker.received.splice(0))
afterAll(async () => {
  await gateway.close()
  await broker.close()
})

const authenticated = { 'X-API-Key': callerKey }

const call = (method: string, path: string, headers: Record<string, string> = authenticated, body?: string) =>
  fetch(gateway.url + path, { method, headers, ...(body === undefined ? {} : { body }) })

const validRequest = { user_id: 'u', provider_name: 'lab', return_url: 'https://app.example/done', scopes: ['a'] }

const apiRoutes: [method: string, path: string, body?: string][] = [
  ['POST', '/v1/request-connection', JSON.stringify(validRequest)],
  ['GET', `/v1/check-connection/${connectionId}`],
  ['GET', `/v1/token/${connectionId}`],
  ['POST', `/v1/refresh/${connectionId}`],
  ['GET', '/v1/providers'],
  ['GET', '/v1/providers/metadata'],
]

describe.each(apiRoutes)('%s %s', (method, path, body) => {
  test('refuses a caller without a key before anything reaches the broker (fault 1)', async () => {
    const answer = await call(method, path, {}, body)
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer, Basic realm="dromos"'])
    expect(await answer.json()).toMatchObject({ code: 'missing_api_key', error: 'missing_api_key' })
    expect(broker.received).toEqual([])
  })

  test('forwards who calls, and its own identity beside it (fault 4)', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    const headers = { Authorization: `Bearer ${callerKey}`, 'X-Request-Id': 'req-12345678', traceparent }
    const answer = await call(method, path, headers, body)
    expect([answer.status, answer.headers.get('x-request-id')]).toEqual([200, 'req-12345678'])
    expect(broker.received).toHaveLength(1)
    expect(broker.received[0]?.headers).toMatchObject({
      authorization: `Bearer ${callerKey}`,
      'x-api-key': 'dk_gateway_own',
      'x-request-id': 'req-12345678',
      'x-forwarded-for': '127.0.0.1',
      traceparent,
    })
  })

  test('refuses a key in the query, two different credentials and a method it does not have', async () => {
    for (const name of ['api_key', 'X-API-Key', 'access_token'])
      expect((await call(method, `${path}?${name}=${callerKey}`, authenticated, body)).status).toBe(400)
    const two = { ...authenticated, Authorization: 'Bearer dk_other_key' }
    expect(await (await call(method, path, two, body)).json()).toMatchObject({ code: 'invalid_request' })
    const other = await call('PUT', path, authenticated, '{}')
    expect([other.status, other.headers.get('allow')]).toEqual([405, method])
    expect(broker.received).toEqual([])
    expect(gateway.logged()).not.toContain(callerKey)
  })
})

describe('a request that was not read', () => {
  test.each([
    ['{"user_id":', 'invalid_json', 'the body is not valid JSON'],
    ['[]', 'invalid_request', 'the body must be a JSON object'],
    ['null', 'invalid_request', 'the body must be a JSON object'],
    ['{}', 'missing_fields', 'missing: user_id, provider_name or provider_id, return_url'],
    [{ ...validRequest, user_id: '' }, 'missing_fields', 'missing: user_id'],
    [{ ...validRequest, return_url: null }, 'missing_fields', 'missing: return_url'],
    [{ ...validRequest, provider_name: undefined }, 'missing_fields', 'missing: provider_name or provider_id'],
    [{ ...validRequest, user_id: 7 }, 'invalid_request', 'user_id must be a string'],
    [{ ...validRequest, provider_id: ['x'] }, 'invalid_request', 'provider_id must be a string'],
    [{ ...validRequest, scopes: 'a b' }, 'invalid_request', 'scopes must be a list of strings, or null'],
    [{ ...validRequest, user_id: 'u'.repeat(256) }, 'invalid_request', 'user_id must have at most 255 characters'],
    [{ ...validRequest, variables: ['x'] }, 'invalid_request', 'variables must be an object of strings'],
    [{ ...validRequest, variables: { shop: 1 } }, 'invalid_request', 'variables must be an object of strings'],
    [{ ...validRequest, scopes: [1] }, 'invalid_request', 'scopes must be a list of strings, or null'],
  ])('names what is wrong with it, as a fault of the caller (fault 57): %j', async (body, code, message) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const answer = await call('POST', '/v1/request-connection', authenticated, text)
    expect([answer.status, await answer.json()]).toMatchObject([400, { code, message }])
    expect(broker.received).toEqual([])
  })

  test.each(['%20', 'short', 'a'.repeat(65), 'abcdefgh%2F..%2Fx', 'abcd;efgh', '..%2f..%2fproviders', 'abcdefg%00'])(
    'has an id that is none: %s',
    async (id) => {
      const paths = [`/v1/check-connection/${id}`, `/v1/token/${id}`, `/v1/refresh/${id}`] as const
      for (const path of paths) {
        const answer = await call(path.includes('refresh') ? 'POST' : 'GET', path)
        expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'invalid_connection_id' }])
      }
      expect(broker.received).toEqual([])
    },
  )

  test('is over 64 KiB or compressed (fault 8)', async () => {
    const large = await call('POST', '/v1/request-connection', authenticated, `"${'x'.repeat(70_000)}"`)
    expect([large.status, await large.json()]).toMatchObject([413, { code: 'payload_too_large' }])
    const compressed = { ...authenticated, 'Content-Encoding': 'gzip' }
    expect((await call('POST', '/v1/request-connection', compressed, '{}')).status).toBe(415)
  })

  test('has no route', async () => {
    for (const path of ['/', '/v1', '/v1/token/', '/v1/unknown', '/connections/abcdefgh/token'])
      expect([(await call('GET', path)).status, path]).toEqual([404, path])
  })

  test.each(['POST', 'PUT', 'PATCH', 'DELETE'])(
    'would administer providers with %s: not offered here (fault 2)',
    async (method) => {
      for (const path of ['/v1/providers', `/v1/providers/${connectionId}`])
        expect([404, 405]).toContain((await call(method, path, authenticated, '{}')).status)
      expect((await call('GET', `/v1/providers/${connectionId}`)).status).toBe(404)
      expect(broker.received).toEqual([])
    },
  )
})

describe('an answer', () => {
  test('of the token routes passes through member by member, and no cache keeps it (fault 56)', async () => {
    for (const [method, path] of apiRoutes.slice(2, 4)) {
      const answer = await call(method, path)
      expect([answer.headers.get('cache-control'), answer.headers.get('pragma')]).toEqual(['no-store', 'no-cache'])
      expect(await answer.json()).toEqual(token)
    }
  })

  test('to request-connection says when it repeats an earlier one, and name resolution costs no second call (fault 60)', async () => {
    const headers = { ...authenticated, 'Idempotency-Key': 'idem-1' }
    const answer = await call('POST', '/v1/request-connection', headers, JSON.stringify(validRequest))
    expect([answer.headers.get('idempotent-replayed'), await answer.json()]).toEqual(['true', consent])
    expect(broker.received).toHaveLength(1)
    expect(broker.received[0]?.headers['idempotency-key']).toBe('idem-1')
    expect(JSON.parse(broker.received[0]?.body ?? '')).toEqual({
      workspace_id: 'u',
      provider_name: 'lab',
      scopes: ['a'],
      return_url: 'https://app.example/done',
    })
  })

  test('to a token read asks for the remaining lifetime the caller wants, once', async () => {
    await call('GET', `/v1/token/${connectionId}?min_ttl=60&ignored=1`)
    expect(broker.received[0]?.url).toBe(`/connections/${connectionId}/token?min_ttl=60`)
    expect((await call('GET', `/v1/token/${connectionId}?min_ttl=1&min_ttl=2`)).status).toBe(400)
  })

  test('to request-connection passes URL variables on and ignores what v1 clients send besides', async () => {
    const body = { ...validRequest, variables: { shop: 'a' }, action: 'read', metadata: { x: 1 }, unknown: true }
    await call('POST', '/v1/request-connection', authenticated, JSON.stringify(body))
    expect(JSON.parse(broker.received[0]?.body ?? '')).toEqual({
      workspace_id: 'u',
      provider_name: 'lab',
      scopes: ['a'],
      return_url: 'https://app.example/done',
      variables: { shop: 'a' },
    })
  })

  test('to a refresh follows a body that was passed on as it came', async () => {
    await call('POST', `/v1/refresh/${connectionId}`, authenticated, '{"if_token_version": 3}')
    expect(broker.received[0]?.body).toBe('{"if_token_version": 3}')
  })

  test('to check-connection comes from a status read, not from a token read (fault 53)', async () => {
    const answer = await call('GET', `/v1/check-connection/${connectionId}`)
    expect(await answer.json()).toEqual({ status: 'active' })
    expect(broker.received.map(({ url }) => url)).toEqual([`/connections/${connectionId}/status`])
  })

  test('carries a request id of ours when the caller’s could not go into a log line (fault 63)', async () => {
    const answer = await call('GET', '/health', { 'X-Request-Id': 'a b' })
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })
})

test('a request without a key acts with the key of the gateway only where that was asked for, and a warning says so', async () => {
  const open = await startTestGateway({
    BROKER_BASE_URL: broker.url,
    BROKER_API_KEY: 'dk_gateway_own',
    REQUIRE_API_KEY: 'false',
    TRUSTED_PROXIES: '127.0.0.0/8,::1',
  })
  const anonymous = await fetch(`${open.url}/v1/providers`, { headers: { 'X-Forwarded-For': '203.0.113.1' } })
  const named = await fetch(`${open.url}/v1/providers`, { headers: authenticated })
  await open.close()
  expect([anonymous.status, named.status]).toEqual([200, 200])
  expect(broker.received.map(({ headers }) => headers.authorization)).toEqual([
    'Bearer dk_gateway_own',
    `Bearer ${callerKey}`,
  ])
  expect(broker.received[0]?.headers['x-forwarded-for']).toBe('203.0.113.1')
  expect(open.logged()).toContain('REQUIRE_API_KEY=false')
})
