import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from '@jest/globals'
import { selfSigned } from 'dromos-lab'
import { errors } from 'undici'
import { createOutbound, type OutboundOptions } from '../../src/oauth/outbound-fetch.js'
import type { OutboundRequest, OutboundResult } from '../../src/oauth/outbound-call.js'
import { closed, type JournalServer, ok, startJournal, turn } from './journal-server.js'
import { loopback, shortLimits } from './oauth-lab.js'
import { startHttps } from './raw-server.js'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0)) await step()
})

/** A provider and the way to it; each call's body is `call 1`, `call 2` and so on. */
async function arrange(
  onRequest: (socket: Socket, body: string) => void = (socket, body) => void socket.write(ok(body)),
  options: Partial<OutboundOptions> = {},
) {
  const server = await startJournal(onRequest)
  const guard = createOutbound({
    allowedPrivateNetworks: loopback,
    onRefused: () => undefined,
    resolve: async () => ['127.0.0.1'],
    ...options,
  })
  undo.push(() => guard.close(), server.close)
  let calls = 0
  const call = async (more: Partial<OutboundRequest> = {}, host = 'op.test'): Promise<OutboundResult> => {
    const body = `call ${++calls}`
    const url = `http://${host}:${server.port}/token`
    const result = await guard.send({ url, method: 'POST', body, reads: { upToBytes: 100 }, ...more })
    await turn()
    return result
  }
  return { server, guard, call }
}

const answered = (body: string) => expect.objectContaining({ kind: 'answer', status: 200, body })
const lost = { kind: 'in_doubt', why: 'connection_lost' }
const seen = ({ requests, connections }: JournalServer) => ({ requests, connections })

describe('a connection that has just served a call', () => {
  test('serves the next one', async () => {
    const { server, call } = await arrange()
    expect([await call(), await call(), await call()]).toEqual(['call 1', 'call 2', 'call 3'].map(answered))
    expect(seen(server)).toEqual({ requests: ['call 1', 'call 2', 'call 3'], connections: 1 })
  })

  test('serves one call at a time', async () => {
    const { server, call } = await arrange()
    await Promise.all([call(), call(), call()])
    await Promise.all([call(), call(), call()])
    expect(server.requests).toHaveLength(6)
    expect(server.connections).toBe(3)
  })

  test('is asked before every request whether it may still be sent, and not one byte leaves when not', async () => {
    const { server, call } = await arrange()
    await call()
    expect(await call({ mayStillSend: () => false })).toEqual({ kind: 'unsent', why: 'too_late' })
    expect(await call()).toEqual(answered('call 3'))
    expect(seen(server)).toEqual({ requests: ['call 1', 'call 3'], connections: 2 })
  })

  test('ends when no call has come for the idle time', async () => {
    const { server, call } = await arrange(undefined, { limits: { idleMs: 10 } })
    await call()
    await closed(server.sockets[0])
    expect(await call()).toEqual(answered('call 2'))
    expect(server.connections).toBe(2)
  })

  test('gets no further call when it is too old', async () => {
    const { server, call } = await arrange(undefined, { limits: { ageMs: 0 } })
    await call()
    await call()
    expect(server.connections).toBe(2)
  })

  test('ends when the process closes', async () => {
    const { server, guard, call } = await arrange(undefined, { limits: { idleMs: 60_000 } })
    await call()
    guard.close()
    await closed(server.sockets[0])
  })

  test('ends when the process closes in the turn after the answer', async () => {
    const { server, guard } = await arrange(undefined, { limits: { idleMs: 60_000 } })
    const url = `http://op.test:${server.port}/token`
    await guard.send({ url, method: 'POST', body: 'call 1', reads: { upToBytes: 100 } })
    guard.close()
    await closed(server.sockets[0])
  })

  test('is one of at most 256 that wait, of all providers together', async () => {
    const { server, call } = await arrange(undefined, { limits: { idleMs: 60_000 } })
    for (let number = 0; number < 258; number++) await call({}, `op${number}.test`)
    await Promise.all(server.sockets.slice(0, 2).map(closed))
    expect(server.sockets.filter((socket) => !socket.closed)).toHaveLength(256)
  })
})

describe('no call goes over a connection that was opened for', () => {
  test('another origin at the same address', async () => {
    const { server, call } = await arrange()
    await call()
    await call({}, 'other.test')
    expect(server.connections).toBe(2)
  })

  test('addresses that were not judged for this very call (A34)', async () => {
    const answers = [['127.0.0.1'], ['127.0.0.2']] // nobody listens at the second
    const { server, call } = await arrange(undefined, { resolve: async () => answers.shift() ?? ['10.0.0.1'] })
    await call()
    expect(await call()).toEqual({ kind: 'unsent', why: 'connect_failed' })
    expect(await call()).toEqual({ kind: 'unsent', why: 'address_refused' })
    expect(server.requests).toEqual(['call 1'])
  })
})

describe('a connection is not kept when the answer', () => {
  const forged = ok('forged')
  test.each([
    ['says so', ok('body', 'connection: close\r\n')],
    ['promises two seconds at most', ok('body', 'keep-alive: timeout=2\r\n')],
    ['is one of HTTP/1.0', ok('body').replace('1.1', '1.0')],
    ['is an error, perhaps written before the request was read', ok('body').replace('200', '400')],
    ['is a redirect, whose body is not read', ok('body').replace('200', '302')],
    ['is too large', ok('b'.repeat(101))],
    ['is encoded', ok('body', 'content-encoding: gzip\r\n')],
    ['is shorter than it said', ok('body').replace('length: 4', 'length: 5')],
    ['is longer than it said', ok('body').replace('length: 4', 'length: 3')],
    ['is followed by another', ok('body') + forged],
    ['is followed by another after its last chunk', `${chunked('body')}${forged}`],
    ['has no end of its own', 'HTTP/1.1 200 OK\r\n\r\nbody'],
    ['is no HTTP', 'body'],
    ['bids to go on', `HTTP/1.1 100 Continue\r\n\r\n${ok('body')}`],
  ])('%s', async (_what, bytes) => {
    const { server, call } = await arrange((socket, body) => void socket.write(body === 'call 1' ? bytes : ok(body)), {
      limits: shortLimits,
    })
    await call()
    expect(await call()).toEqual(answered('call 2'))
    expect(seen(server)).toEqual({ requests: ['call 1', 'call 2'], connections: 2 })
  })

  test('only its status is read', async () => {
    const { server, call } = await arrange()
    await call({ reads: 'status' })
    await call()
    expect(server.connections).toBe(2)
  })

  test.each([
    ['an early hint comes before it', `HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${ok('body')}`],
    ['it promises five seconds', ok('body', 'keep-alive: timeout=5\r\n')],
    ['it comes in chunks', chunked('body')],
  ])('but it is when %s', async (_what, bytes) => {
    const { server, call } = await arrange((socket) => void socket.write(bytes))
    expect([await call(), await call()]).toEqual([answered('body'), answered('body')])
    expect(server.connections).toBe(1)
  })
})

function chunked(body: string): string {
  return `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
}

describe('a server that ends what it had offered to keep', () => {
  test('right after its answer: the next call opens another', async () => {
    const { server, call } = await arrange((socket, body) => void socket.end(ok(body)))
    await call()
    await closed(server.sockets[0])
    expect(await call()).toEqual(answered('call 2'))
    expect(seen(server)).toEqual({ requests: ['call 1', 'call 2'], connections: 2 })
  })

  test('in the very moment of the next call: that one is sent over another, once', async () => {
    const { server, call } = await arrange()
    await call()
    server.sockets[0]?.destroy()
    expect(await call()).toEqual(answered('call 2'))
    expect(seen(server)).toEqual({ requests: ['call 1', 'call 2'], connections: 2 })
  })

  test.each([
    ['a reset', (socket: Socket) => void socket.resetAndDestroy()],
    ['its end', (socket: Socket) => void socket.end()],
    ['half an answer', (socket: Socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-le')],
    ['half a body', (socket: Socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf')],
  ])('by %s when it has read the next request: in doubt, and never sent again', async (_what, break_) => {
    const { server, call } = await arrange((socket, body) =>
      body === 'call 2' ? break_(socket) : void socket.write(ok(body)),
    )
    await call()
    expect(await call()).toEqual(lost)
    expect(seen(server)).toEqual({ requests: ['call 1', 'call 2'], connections: 1 })
  })

  test('after it lost a call that way gets a fresh one for each, whatever else was kept', async () => {
    const { server, call } = await arrange((socket, body) =>
      body === 'call 3' ? void socket.end() : void socket.write(ok(body)),
    )
    await Promise.all([call(), call()])
    expect(await call()).toEqual(lost)
    expect(server.connections).toBe(2)
    await call()
    await call()
    expect(server.connections).toBe(4)
  })

  test('while nobody uses it gets a fresh one for each: the next might be lost in use', async () => {
    const { server, call } = await arrange()
    await call()
    server.sockets[0]?.end()
    await closed(server.sockets[0])
    await call()
    await call()
    expect(server.connections).toBe(3)
  })
})

test('what a server says without being asked is nobody’s answer', async () => {
  const { server, call } = await arrange()
  await call()
  server.sockets[0]?.write(ok('forged'))
  await closed(server.sockets[0])
  expect(await call()).toEqual(answered('call 2'))
  expect(server.connections).toBe(2)
})

test('what a server said without being asked a moment before the next call is nobody’s answer', async () => {
  const { server, call } = await arrange()
  await call()
  server.sockets[0]?.write(ok('forged'))
  expect(await call()).toEqual(answered('call 2'))
  expect(seen(server)).toEqual({ requests: ['call 1', 'call 2'], connections: 2 })
})

test('a request on its way is not begun again when the library takes the end of its socket for its own', async () => {
  const ours: Socket[] = []
  const remember = (message: unknown): void => void ours.push((message as { socket: Socket }).socket)
  subscribe('undici:client:connected', remember)
  undo.push(() => unsubscribe('undici:client:connected', remember))
  const { server, call } = await arrange(() => ours[0]?.destroy(new errors.InformationalError('idle')))
  expect(await call()).toEqual(lost)
  expect(server.requests).toEqual(['call 1'])
})

describe('TLS', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('no session of %s is resumed', async (maxVersion) => {
    const certificate = selfSigned({ names: ['op.test'] })
    const connections: { socket: Socket; isResumed: boolean }[] = []
    const server = await startHttps({ ...certificate, maxVersion }, (request, response) => {
      const socket = request.socket as TLSSocket
      connections.push({ socket, isResumed: socket.isSessionReused() })
      request.resume().on('end', () => response.end('{}'))
    })
    const guard = createOutbound({
      allowedPrivateNetworks: loopback,
      certificateAuthorities: [certificate.cert],
      onRefused: () => undefined,
      resolve: async () => ['127.0.0.1'],
    })
    undo.push(() => guard.close(), server.close)
    const call = async () => {
      const url = `https://op.test:${server.port}/token`
      expect(await guard.send({ url, method: 'GET', reads: { upToBytes: 100 } })).toEqual(answered('{}'))
      await turn()
    }
    await call()
    await call()
    expect(server.connections).toBe(1)
    // The kept one ends under the next call, which opens another by the same means.
    connections[0]?.socket.destroy()
    await call()
    expect(connections.map(({ isResumed }) => isResumed)).toEqual([false, false, false])
    expect(server.connections).toBe(2)
  })
})
