import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { exchangeBytes, openIdle, statusesIn } from '../../../../packages/runtime/test/http/raw-client.js'
import { startStack, type Stack } from './stack.js'

// Owns what bytes below HTTP do to both services: smuggled requests, slow and heavy clients.

let stack: Stack
beforeAll(async () => {
  stack = await startStack()
})
afterAll(() => stack.close())

const services: [string, string, () => string][] = [
  ['gateway', '/v1/capture-credential', () => stack.gateway.url],
  ['broker', '/auth/capture-credential', () => stack.broker.url],
]

const smuggled = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n'
const lastRequest = 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
const post = (headers: string, body: string): string =>
  `POST {capture} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${headers}\r\n${body}`

const ambiguous: [string, string][] = [
  ['Content-Length and Transfer-Encoding', post(`Content-Length: 6\r\nTransfer-Encoding: chunked\r\n`, `0\r\n\r\n${smuggled}`)],
  ['two different Content-Lengths', post(`Content-Length: 2\r\nContent-Length: ${2 + smuggled.length}\r\n`, `{}${smuggled}`)],
  ['a Content-Length with a sign', post(`Content-Length: +2\r\n`, `{}${smuggled}`)],
  ['a list as Content-Length', post(`Content-Length: 2, 2\r\n`, `{}${smuggled}`)],
  ['an unknown transfer coding', post(`Transfer-Encoding: xchunked\r\n`, `0\r\n\r\n${smuggled}`)],
  ['chunked that is not the last coding', post(`Transfer-Encoding: chunked, identity\r\n`, `0\r\n\r\n${smuggled}`)],
  ['a space before the colon', post(`Content-Length : 2\r\n`, `{}${smuggled}`)],
  ['a folded header', post(`X-Folded: a\r\n b: c\r\nContent-Length: 2\r\n`, `{}${smuggled}`)],
  ['a bare line feed in the head', `GET /health HTTP/1.1\nHost: x\nX-Next: a\n\n${smuggled}`],
  ['a bare carriage return in a header', `GET /health HTTP/1.1\r\nHost: x\r\nX-Next: a\rb: c\r\n\r\n${smuggled}`],
  ['a NUL in a header', `GET /health HTTP/1.1\r\nHost: x\r\nX-Next: a\0b\r\n\r\n${smuggled}`],
  ['a chunk size that is none', post(`Transfer-Encoding: chunked\r\n`, `0x2\r\n{}\r\n0\r\n\r\n${smuggled}`)],
  ['a chunk size beyond all numbers', post(`Transfer-Encoding: chunked\r\n`, `ffffffffffffffffff\r\n{}\r\n0\r\n\r\n${smuggled}`)],
  ['no Host', 'GET /health HTTP/1.1\r\n\r\n'],
  ['bytes that are no request', `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${'\x00'.repeat(64)}`],
] // prettier-ignore

describe.each(services)('the %s', (_name, capture, url) => {
  const exchange = (bytes: string | readonly string[], silenceMs?: number): Promise<string> => {
    const parts = (typeof bytes === 'string' ? [bytes] : bytes).map((part) => part.replace('{capture}', capture))
    return exchangeBytes(Number(new URL(url()).port), parts, silenceMs)
  }

  test.each(ambiguous)('refuses %s, and hears no second request behind it (A74)', async (_what, bytes) => {
    const received = await exchange(bytes)
    expect(statusesIn(received)).toEqual([400])
    expect(received).toMatch(/^Connection: close$/im)
    expect(received).not.toContain('healthy')
  })

  test('answers two honest requests on one connection (A74)', async () => {
    expect(statusesIn(await exchange(smuggled + lastRequest))).toEqual([200, 200])
  })

  test('refuses a megabyte of headers and the announcement of a hundred of body, before reading them (A75)', async () => {
    const headers = `GET /health HTTP/1.1\r\nHost: x\r\nX-Filler: ${'a'.repeat(1_000_000)}\r\n\r\n`
    expect(statusesIn(await exchange(headers))).toEqual([431])
    const announced = await exchange(post(`Content-Length: 104857600\r\n`, '{"state":"'))
    expect(statusesIn(announced)).toEqual([413])
  })

  test('refuses a body that turns out too large, and one that is nested without end, and lives on (A75)', async () => {
    const chunk = `8000\r\n${'a'.repeat(0x8000)}\r\n`
    const large = [post(`Transfer-Encoding: chunked\r\nConnection: close\r\n`, ''), chunk, chunk, chunk, '0\r\n\r\n']
    expect(statusesIn(await exchange(large))).toEqual([413])
    const deep = `{"state":${'['.repeat(30_000)}${']'.repeat(30_000)},"credentials":{}}`
    const nested = await exchange(post(`Content-Length: ${deep.length}\r\nConnection: close\r\n`, deep))
    expect(statusesIn(nested)).toEqual([400])
    expect(statusesIn(await exchange(lastRequest))).toEqual([200])
  })

  test('serves others while five hundred connections stay half open (A75)', async () => {
    const begun = ['', 'GET /health HTTP/1.1\r\nHo', post('Content-Length: 1000\r\n', '{"state":')]
    const idle = await Promise.all(
      begun.map((begin) => openIdle(Number(new URL(url()).port), 170, begin.replace('{capture}', capture))),
    )
    try {
      for (let round = 0; round < 20; round++) expect(statusesIn(await exchange(lastRequest, 5_000))).toEqual([200])
    } finally {
      idle.forEach((each) => each.close())
    }
  })
})
