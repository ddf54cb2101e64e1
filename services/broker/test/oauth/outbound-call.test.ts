import { selfSigned } from 'dromos-lab'
import { afterEach, describe, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { createOutbound, type OutboundOptions } from '../../src/oauth/outbound-fetch.js'
import type { OutboundRequest } from '../../src/oauth/outbound-call.js'
import { loopback, shortLimits } from './oauth-lab.js'
import { type RawServer, startHttp, startHttps, startTcp } from './raw-server.js'

const servers: RawServer[] = []
const started = async (server: Promise<RawServer>): Promise<RawServer> => {
  servers.push(await server)
  return server
}
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

const outbound = (options: Partial<OutboundOptions> = {}) =>
  createOutbound({
    allowedPrivateNetworks: loopback,
    onRefused: () => undefined,
    resolve: async () => ['127.0.0.1'],
    ...options,
  })

const post = (url: string, more: Partial<OutboundRequest> = {}): OutboundRequest => ({
  url,
  method: 'POST',
  body: 'client_secret=s3cret',
  reads: { upToBytes: 1000 },
  ...more,
})

test('sends one request, with a length and no encoding, and gives back the answer', async () => {
  let seen: unknown
  const server = await started(
    startHttp((request, response) => {
      seen = { method: request.method, url: request.url, headers: request.headers }
      response.writeHead(200, { 'content-type': 'text/plain', 'retry-after': '3' }).end('hello')
    }),
  )
  const result = await outbound().send(post(`http://op.test:${server.port}/token?a=1`))
  expect(result).toEqual({ kind: 'answer', status: 200, contentType: 'text/plain', retryAfter: '3', body: 'hello' })
  expect(seen).toEqual({
    method: 'POST',
    url: '/token?a=1',
    headers: {
      host: `op.test:${server.port}`,
      connection: 'keep-alive',
      'user-agent': 'dromos',
      'accept-encoding': 'identity',
      'content-length': '20',
    },
  })
})

test('follows no redirect: the target of a 307 receives nothing', async () => {
  const attacker = await started(startHttp((_request, response) => response.end()))
  for (const status of [301, 302, 303, 307, 308]) {
    const server = await started(
      startHttp((_request, response) =>
        response.writeHead(status, { location: `http://127.0.0.1:${attacker.port}/` }).end(),
      ),
    )
    expect(await outbound().send(post(`http://op.test:${server.port}/`))).toMatchObject({
      kind: 'answer',
      status,
      body: '',
    })
  }
  expect(attacker.connections).toBe(0)
})

describe('a hostile answer ends in doubt, without being read further', () => {
  const answering = async (head: Record<string, string>, write: (send: (text: string | Buffer) => void) => void) => {
    const server = await started(
      startHttp((_request, response) => {
        response.writeHead(200, head)
        write((text) => void response.write(text))
      }),
    )
    return outbound({ limits: shortLimits }).send(post(`http://op.test:${server.port}/`))
  }

  test('a gzip bomb is refused by its encoding (A42)', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000))
    expect(await answering({ 'content-encoding': 'gzip' }, (send) => send(bomb))).toEqual({
      kind: 'in_doubt',
      why: 'content_encoding',
    })
  })

  test('an announced length above the cap is refused (A41)', async () => {
    expect(await answering({ 'content-length': '1001' }, (send) => send('x'))).toEqual({
      kind: 'in_doubt',
      why: 'answer_too_large',
    })
  })

  test('an endless body is cut at the cap (A41)', async () => {
    const endless = (send: (text: string) => void) => Array.from({ length: 50 }, () => send('x'.repeat(100)))
    expect(await answering({}, endless)).toEqual({ kind: 'in_doubt', why: 'answer_too_large' })
  })

  test('of a hundred megabytes no more is taken than the cap and what the sockets hold, and none is kept (A41)', async () => {
    let written = 0
    const piece = Buffer.alloc(65_536)
    const server = await started(
      startHttp((_request, response) => {
        const fill = (): void => {
          while (written < 100_000_000 && !response.destroyed) {
            written += piece.length
            if (!response.write(piece)) return
          }
        }
        response.on('drain', fill)
        fill()
      }),
    )
    const before = process.memoryUsage()
    const result = await outbound({ limits: { totalMs: 60_000 } }).send(post(`http://op.test:${server.port}/`))
    const after = process.memoryUsage()
    expect(result).toEqual({ kind: 'in_doubt', why: 'answer_too_large' })
    expect(written).toBeLessThan(20_000_000)
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(5_000_000)
  })

  test('a dripping body meets the total deadline', async () => {
    expect(await answering({}, (send) => send('{'))).toEqual({ kind: 'in_doubt', why: 'answer_timeout' })
  })

  test('silence meets the deadline for the head', async () => {
    const server = await started(startTcp(() => undefined))
    const limits = { ...shortLimits, totalMs: 60_000 }
    const get = { ...post(`http://op.test:${server.port}/`), method: 'GET' as const }
    expect(await outbound({ limits }).send(get)).toEqual({ kind: 'in_doubt', why: 'answer_timeout' })
  })

  test('a POST waits for a slow provider until the total deadline: it may have rotated already', async () => {
    const limits = { connectMs: 300, headersMs: 20, totalMs: 60_000 }
    const answers: (() => void)[] = []
    const server = await started(startHttp((_request, response) => void answers.push(() => response.end('{}'))))
    const get = { ...post(`http://op.test:${server.port}/`), method: 'GET' as const }
    const patient = outbound({ limits }).send(post(`http://op.test:${server.port}/`))
    while (answers.length === 0) await new Promise((resolve) => setImmediate(resolve))
    // A GET that began later has met the deadline for the head: the POST is past it too.
    expect(await outbound({ limits }).send(get)).toEqual({ kind: 'in_doubt', why: 'answer_timeout' })
    answers.forEach((answer) => answer())
    expect(await patient).toMatchObject({ kind: 'answer', status: 200, body: '{}' })
  })

  test.each([
    ['too many header bytes', `HTTP/1.1 200 OK\r\nx: ${'v'.repeat(100_000)}\r\n\r\n`, 'headers_too_large'],
    ['no HTTP at all', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 'not_http'],
    ['half a body', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf', 'connection_lost'],
    ['nothing', '', 'connection_lost'],
  ])('%s', async (_what, bytes, why) => {
    const server = await started(startTcp((socket) => void socket.end(Buffer.from(bytes))))
    expect(await outbound().send(post(`http://op.test:${server.port}/`))).toEqual({ kind: 'in_doubt', why })
  })
})

describe('what was not sent is known not to be sent', () => {
  test('when nobody listens', async () => {
    const server = await startHttp(() => undefined)
    await server.close()
    expect(await outbound().send(post(`http://op.test:${server.port}/`))).toEqual({
      kind: 'unsent',
      why: 'connect_failed',
    })
  })

  test('when the sender may no longer send: asked once, after the connection stands; not one byte leaves', async () => {
    const bytes: string[] = []
    const server = await started(startTcp((_socket, text) => void bytes.push(text)))
    const connectionsWhenAsked: number[] = []
    const result = await outbound().send(
      post(`http://op.test:${server.port}/`, {
        mayStillSend: () => {
          connectionsWhenAsked.push(1)
          return false
        },
      }),
    )
    await sleep(20) // bytes that did leave would arrive now
    expect(result).toEqual({ kind: 'unsent', why: 'too_late' })
    expect([connectionsWhenAsked.length, server.connections, bytes]).toEqual([1, 1, []])
  })

  test('when the process closes', async () => {
    const server = await started(startHttp((_request, response) => response.end()))
    const guard = outbound()
    guard.close()
    expect(await guard.send(post(`http://op.test:${server.port}/`))).toEqual({ kind: 'unsent', why: 'connect_failed' })
    expect(server.connections).toBe(0)
  })
})

test('closing ends a call under way as in doubt', async () => {
  const guard = outbound()
  const server = await started(startHttp(() => guard.close()))
  expect(await guard.send(post(`http://op.test:${server.port}/`))).toEqual({ kind: 'in_doubt', why: 'connection_lost' })
})

describe('TLS', () => {
  const certificate = selfSigned({ names: ['op.test'] })
  const send = async (tls: { key: string; cert: string }, options: Partial<OutboundOptions> = {}, host = 'op.test') => {
    const bodies: string[] = []
    const server = await started(
      startHttps(tls, (request, response) => {
        request.on('data', (data: Buffer) => void bodies.push(data.toString()))
        request.on('end', () => response.end(request.headers.host))
      }),
    )
    const result = await outbound(options).send(post(`https://${host}:${server.port}/`))
    return { result, bodies, port: server.port }
  }

  test('the socket goes to the checked address, the certificate and the host header stay the name', async () => {
    const { result, bodies, port } = await send(certificate, { certificateAuthorities: [certificate.cert] })
    expect(result).toMatchObject({ kind: 'answer', status: 200, body: `op.test:${port}` })
    expect(bodies).toEqual(['client_secret=s3cret'])
  })

  const expired = selfSigned({ names: ['op.test'], validForDays: -1 })
  test.each([
    ['self-signed', certificate, {}, 'op.test', 'tls_untrusted'],
    ['for another host', certificate, { certificateAuthorities: [certificate.cert] }, 'other.test', 'tls_wrong_host'],
    ['expired', expired, { certificateAuthorities: [expired.cert] }, 'op.test', 'tls_expired'],
  ])('a certificate that is %s is refused and no secret sent', async (_what, tls, options, host, why) => {
    const { result, bodies } = await send(tls, options, host)
    expect(result).toEqual({ kind: 'unsent', why })
    expect(bodies).toEqual([])
  })

  test('the host name is checked at every connection, not only at the first', async () => {
    // TLS 1.2 hands out its session before the name is compared
    const tls = { ...certificate, maxVersion: 'TLSv1.2' } as const
    const server = await started(startHttps(tls, (_request, response) => response.end()))
    const guard = outbound({ certificateAuthorities: [certificate.cert] })
    const other = post(`https://other.test:${server.port}/`)
    expect([await guard.send(other), await guard.send(other)]).toEqual(
      Array(2).fill({ kind: 'unsent', why: 'tls_wrong_host' }),
    )
  })
})
