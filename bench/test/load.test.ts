import { createServer, type RequestListener } from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import { callGrpc, compileCalls, type GrpcPlan } from '../src/load/grpc-load.js'
import { createAnswerReader } from '../src/load/http-answer.js'
import { compileRequests, type HttpPlan, sendHttp } from '../src/load/http-load.js'
import { startStopwatch, type Window } from '../src/load/stopwatch.js'

let server: Server | undefined
afterEach(async () => {
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)))
  server = undefined
})

async function listen(started: Server): Promise<number> {
  server = started
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve))
  return (started.address() as AddressInfo).port
}

const windowMs = 60_000 // the lists end long before

async function send(serve: RequestListener, change: (port: number) => Partial<HttpPlan> = () => ({})): Promise<Window> {
  const port = await listen(createServer(serve))
  const requests = Array.from({ length: 20 }, (_, turn) => ({
    method: 'POST' as const,
    path: `/${turn}`,
    headers: {},
    body: '{}',
  }))
  const base = {
    kind: 'http',
    host: '127.0.0.1',
    ports: [port],
    connections: 4,
    requests,
    order: 'once',
    expects: 200,
  } as const
  const plan: HttpPlan = { ...base, ...change(port) }
  const watch = startStopwatch(windowMs)
  await sendHttp(plan, compileRequests(plan), watch)
  return watch.stop()
}

describe('load over HTTP', () => {
  test('each request of a list is sent once, and its answer counted once', async () => {
    const paths: string[] = []
    const { good, failures } = await send((request, response) => {
      paths.push(request.url ?? '')
      request.resume().once('end', () => response.end('done'))
    })
    expect([good, failures]).toEqual([20, {}])
    expect(paths.map((path) => Number(path.slice(1))).sort((a, b) => a - b)).toEqual([...Array(20).keys()])
  })

  test('a refusal is not a fast good answer', async () => {
    const { good, failures } = await send((_, response) => response.writeHead(503).end())
    expect([good, failures]).toEqual([0, { 503: 20 }])
  })

  test('connections are spread over all ports', async () => {
    const other = createServer((_, response) => response.writeHead(503).end())
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    const { failures } = await send(
      (_, response) => response.end('done'),
      (own) => ({ ports: [own, port] }),
    )
    expect(failures['503']).toBeGreaterThan(0)
    await new Promise((resolve) => other.close(resolve))
  })

  test('a redirect that leads elsewhere is not a good one', async () => {
    const redirect: RequestListener = (request, response) => {
      const status = request.url === '/0' ? 'error' : 'success'
      response.writeHead(302, { location: `https://app.example/?status=${status}` }).end()
    }
    const { good, failures } = await send(redirect, () => ({ expects: 302, location: 'status=success' }))
    expect([good, failures]).toEqual([19, { 302: 1 }])
  })

  test('a server that closes each connection is asked again on a new one', async () => {
    const { good, failures } = await send((_, response) => response.setHeader('connection', 'close').end('done'))
    expect([good, failures]).toEqual([20, {}])
  })

  test.each([
    ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
    ['in chunks, empty', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ])('an answer %s is complete with its last byte, wherever it is cut', (_, text) => {
    const bytes = Buffer.from(text)
    for (let cut = 1; cut < bytes.length; cut++) {
      const reader = createAnswerReader()
      expect(reader.read(bytes.subarray(0, cut))).toBeUndefined()
      expect(reader.read(bytes.subarray(cut))).toMatchObject({ status: 200, closes: false })
    }
  })
})

async function call(serve: (stream: ServerHttp2Stream, turn: number) => void): Promise<Window> {
  let turn = 0
  const sessions = new Set<{ destroy(): void }>()
  const started = createHttp2Server()
  started.on('session', (session) => sessions.add(session))
  started.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined) // of the streams that are reset
    stream.resume().once('end', () => serve(stream, turn++))
  })
  const port = await listen(started)
  const messages = [Buffer.from('a message')]
  const base = { kind: 'grpc', host: '127.0.0.1', port, connections: 2, streams: 4, messages, leastBytes: 10 } as const
  const plan: GrpcPlan = { ...base, method: '/test/Call', metadata: { 'x-api-key': 'key' } }
  const source = compileCalls(plan)
  let left = 40
  const watch = startStopwatch(windowMs)
  await callGrpc(plan, { next: () => (left-- > 0 ? source.next() : undefined) }, watch)
  for (const session of sessions) session.destroy()
  return watch.stop()
}

const answer = (stream: ServerHttp2Stream, bytes: number): void => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.end(Buffer.alloc(bytes))
}

describe('load over gRPC', () => {
  test('every call is counted once, however many share a connection and however long the answers are', async () => {
    // Together far more than the 65,535 bytes that HTTP/2 allows before the client widens its window.
    const { good, failures } = await call((stream) => answer(stream, 100_000))
    expect([good, failures]).toEqual([40, {}])
  })

  test('an empty message, a refusal and a reset are failures', async () => {
    const { good, failures } = await call((stream, turn) => {
      if (turn % 4 === 0) answer(stream, 5)
      else if (turn % 4 === 1) stream.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true })
      else if (turn % 4 === 2) stream.close(2)
      else answer(stream, 100)
    })
    expect([good, failures]).toEqual([10, { 'no message': 20, reset: 10 }])
  })
})
