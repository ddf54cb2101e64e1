import { once } from 'node:events'
import { get } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import { status } from '@grpc/grpc-js'
import { failureOf, openRpc } from './grpc/client.js'
import { answerJson, callerKey, connectionId, findClosedPort, startStandIn, startTestGateway } from './gateway.js'
import type { ServerResponse } from 'node:http'
import type { Received, TestGateway } from './gateway.js'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function gatewayBefore(brokerUrl: string, environment: Record<string, string> = {}): Promise<TestGateway> {
  const gateway = await startTestGateway({ BROKER_BASE_URL: brokerUrl, ...environment })
  closers.push(() => gateway.close())
  return gateway
}

async function standIn(answer: (request: Received, response: ServerResponse) => void) {
  const broker = await startStandIn(answer)
  closers.push(() => broker.close())
  return broker
}

/** A TCP server in the broker's place; `onConnection` speaks whatever it likes. */
async function rawBroker(onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}

const getToken = '/nexus.v1.NexusService/GetToken'

const readToken = (gateway: TestGateway): Promise<Response> =>
  fetch(`${gateway.url}/v1/token/${connectionId}`, { headers: { 'X-API-Key': callerKey } })

async function rpcFailure(gateway: TestGateway) {
  const rpc = openRpc(gateway.grpcPort)
  closers.push(() => rpc.close())
  const call = rpc.call(getToken, { connection_id: connectionId }, { 'x-api-key': callerKey })
  return failureOf(call)
}

/** The same fault over both edges: HTTP status, gRPC code and the reason that both name. */
async function faultSeenBy(gateway: TestGateway) {
  const [http, grpc] = await Promise.all([readToken(gateway), rpcFailure(gateway)])
  const body = (await http.json()) as { code: string; error: string; message: string; request_id: string }
  expect(body.error).toBe(body.code)
  expect(body.request_id).toBe(http.headers.get('x-request-id'))
  expect(grpc.reason).toBe(body.code)
  return { status: http.status, grpc: grpc.code, reason: body.code, message: body.message }
}

describe('a broker that cannot be used', () => {
  test('and is unreachable is 502 broker_unavailable with Retry-After, UNAVAILABLE over gRPC', async () => {
    const gateway = await gatewayBefore(`http://127.0.0.1:${await findClosedPort()}`)
    expect(await faultSeenBy(gateway)).toMatchObject({
      status: 502,
      grpc: status.UNAVAILABLE,
      reason: 'broker_unavailable',
    })
    expect((await readToken(gateway)).headers.get('retry-after')).toBe('1')
  })

  test('and speaks something else than HTTP is broker_invalid_response', async () => {
    const gateway = await gatewayBefore(
      await rawBroker((socket) => socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.2\r\n'))),
    )
    expect(await faultSeenBy(gateway)).toMatchObject({
      status: 502,
      grpc: status.INTERNAL,
      reason: 'broker_invalid_response',
    })
  })

  test.each([
    ['200 with an HTML page', 200, 'text/html', '<html>'],
    ['200 that calls itself JSON and is none', 200, 'application/json', '{"access_token":'],
    ['200 with a JSON list', 200, 'application/json', '[]'],
    ['204 without a body', 204, 'application/json', ''],
    ['a redirect, which is not followed', 301, 'application/json', '{}'],
  ])('and answers %s is broker_invalid_response, never a success (fault 54)', async (_title, code, type, body) => {
    const broker = await standIn((_request, response) =>
      response.writeHead(code, { 'Content-Type': type, Location: '/elsewhere' }).end(body),
    )
    const gateway = await gatewayBefore(broker.url)
    expect(await faultSeenBy(gateway)).toMatchObject({ status: 502, reason: 'broker_invalid_response' })
    expect(broker.received.every(({ url }) => url === `/connections/${connectionId}/token`)).toBe(true)
  })

  test('and sends more than we read is broker_invalid_response', async () => {
    const broker = await standIn((_request, response) => answerJson(response, 200, { a: 'x'.repeat(5 * 1024 * 1024) }))
    const gateway = await gatewayBefore(broker.url)
    expect(await faultSeenBy(gateway)).toMatchObject({ status: 502, reason: 'broker_invalid_response' })
  })

  test('and stays silent is 504 deadline_exceeded after BROKER_TIMEOUT_MS', async () => {
    const broker = await standIn(() => undefined)
    const gateway = await gatewayBefore(broker.url, { BROKER_TIMEOUT_MS: '100' })
    expect(await faultSeenBy(gateway)).toMatchObject({
      status: 504,
      grpc: status.DEADLINE_EXCEEDED,
      reason: 'deadline_exceeded',
    })
  })

  test('and stops in the middle of its answer is broker_unavailable', async () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"access'
    const gateway = await gatewayBefore(
      await rawBroker((socket) => socket.once('data', () => socket.write(head, () => socket.resetAndDestroy()))),
    )
    expect(await faultSeenBy(gateway)).toMatchObject({ status: 502, reason: 'broker_unavailable' })
  })
})

describe('an error of the broker', () => {
  test('of its own keeps status, reason, message, extras and Retry-After (fault 55)', async () => {
    const problem = { code: 'attention_required', message: 'connect again', provider_name: 'lab', request_id: 'other' }
    const broker = await standIn((_request, response) => answerJson(response, 409, problem, { 'Retry-After': '7' }))
    const gateway = await gatewayBefore(broker.url)
    const answer = await readToken(gateway)
    expect([answer.status, answer.headers.get('retry-after'), answer.headers.get('cache-control')]).toEqual([
      409,
      '7',
      'no-store',
    ])
    expect(await answer.json()).toMatchObject({
      status: 409,
      code: 'attention_required',
      error: 'attention_required',
      message: 'connect again',
      provider_name: 'lab',
      request_id: answer.headers.get('x-request-id'),
    })
    expect(await rpcFailure(gateway)).toEqual({
      code: status.FAILED_PRECONDITION,
      reason: 'attention_required',
      details: 'connect again',
    })
  })

  test('that is not ours becomes 502 broker_error and none of its text gets out (fault 61)', async () => {
    const broker = await standIn((_request, response) =>
      response.writeHead(500, { 'Content-Type': 'text/plain' }).end('dial tcp 10.1.2.3:5432: secret-internals'),
    )
    const gateway = await gatewayBefore(broker.url)
    const answer = await readToken(gateway)
    const text = await answer.text()
    expect(JSON.parse(text)).toMatchObject({ status: 502, code: 'broker_error', broker_status: 500 })
    expect(text + gateway.logged()).not.toContain('secret-internals')
  })

  test('with a reason only a newer broker knows stays a fault of the caller (fault 57)', async () => {
    const broker = await standIn((_request, response) => answerJson(response, 400, { code: 'novel', message: 'x' }))
    expect((await readToken(await gatewayBefore(broker.url))).status).toBe(400)
  })
})

describe('a connection that breaks before the answer', () => {
  const breakFirst = () => {
    let broken = 0
    return standIn((_request, response) => {
      if (broken++ === 0) response.destroy()
      else answerJson(response, 200, { access_token: 'at' })
    })
  }

  test('is replaced once for a read', async () => {
    const broker = await breakFirst()
    expect((await readToken(await gatewayBefore(broker.url))).status).toBe(200)
    expect(broker.received).toHaveLength(2)
  })

  const state = 's.t'
  test.each([
    ['POST', `/v1/refresh/${connectionId}`, undefined],
    ['POST', '/v1/request-connection', { user_id: 'u', provider_name: 'p', return_url: 'https://app.example' }],
    ['POST', '/v1/capture-credential', { state, credentials: {} }],
    ['GET', `/auth/callback?code=c&state=${state}`, undefined],
  ])('ends %s %s, which must not be sent twice', async (method, path, body) => {
    const broker = await breakFirst()
    const gateway = await gatewayBefore(broker.url)
    const answer = await fetch(gateway.url + path, {
      method,
      headers: { 'X-API-Key': callerKey },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    expect([answer.status, broker.received.length]).toEqual([502, 1])
  })
})

test('calls share a kept connection instead of opening one each (fault 59)', async () => {
  let connections = 0
  const answer = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'
  const url = await rawBroker((socket) => {
    connections++
    socket.on('data', () => socket.write(answer))
  })
  const gateway = await gatewayBefore(url)
  for (let i = 0; i < 5; i++) expect((await readToken(gateway)).status).toBe(200)
  expect(connections).toBe(1)
})

describe('a caller that goes away', () => {
  test('over HTTP ends the call to the broker', async () => {
    const seen: { brokerCallEnded?: Promise<unknown> } = {}
    const broker = await standIn((_request, response) => {
      seen.brokerCallEnded = once(response, 'close')
      caller.destroy()
    })
    const gateway = await gatewayBefore(broker.url)
    const caller = get(`${gateway.url}/v1/token/${connectionId}`, { headers: { 'X-API-Key': callerKey } })
    await expect(once(caller, 'response')).rejects.toThrow('socket hang up')
    await seen.brokerCallEnded
    expect(seen.brokerCallEnded).toBeDefined()
  })

  test.each([
    // Both ends count the time; when the caller is the first to give up, the gateway sees it go.
    ['its deadline passes', { code: status.DEADLINE_EXCEEDED, outcome: /deadline_exceeded|request_cancelled/ }],
    ['it cancels', { code: status.CANCELLED, outcome: /request_cancelled/ }],
  ])('over gRPC because %s ends the call to the broker', async (title, expected) => {
    const gone = new AbortController()
    const ends: Promise<unknown>[] = []
    const broker = await standIn((_request, response) => {
      ends.push(once(response, 'close'))
      if (title === 'it cancels') gone.abort()
    })
    const gateway = await gatewayBefore(broker.url)
    const rpc = openRpc(gateway.grpcPort)
    closers.push(() => rpc.close())
    const options = title === 'it cancels' ? { signal: gone.signal } : { deadline: Date.now() + 200 }
    const call = rpc.call(getToken, { connection_id: connectionId }, { 'x-api-key': callerKey }, options)
    expect((await failureOf(call)).code).toBe(expected.code)
    await Promise.all(ends)
    expect(ends).toHaveLength(1)
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
    const [, outcome] = /call_duration_seconds_count{operation="get_token",outcome="(\w+)"} 1/.exec(metrics) ?? []
    expect(outcome).toMatch(expected.outcome)
  })
})
