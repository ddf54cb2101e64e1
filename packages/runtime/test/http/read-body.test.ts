import { httpLimits } from '@dromos/contract'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import { pino } from 'pino'
import {
  answerErrors,
  type HttpServer,
  listenHttp,
  logRequests,
  readBytes,
  readForm,
  readJson,
} from '../../src/index.js'
import { exchangeBytes, statusesIn } from './raw-client.js'

// Owns what becomes of the body of a request. Large and slow ones: also slow-clients.test.ts, and the attackers of packages/prove.

let server: HttpServer
const lines: string[] = []
const refusals: unknown[] = []
beforeAll(async () => {
  const app = express()
  app.use(logRequests(pino({}, { write: (line) => lines.push(line) }), () => undefined))
  app.post('/json', readJson, (request, response) => void response.json({ got: request.body as unknown }))
  const waitUntilGone: RequestHandler = (request, _response, next) => void request.once('close', () => next())
  app.post('/late', waitUntilGone, readJson, (_request, response) => void response.end())
  app.post('/form', readForm(3), (request, response) => void response.json({ got: request.body as unknown }))
  app.post('/bytes', readBytes, (request, response) => {
    const body: unknown = request.body
    response.json({ got: Buffer.isBuffer(body) ? body.toString('hex') : body })
  })
  const noteRefusal: ErrorRequestHandler = (error, _request, _response, next) => {
    refusals.push(error)
    next(error)
  }
  app.use(noteRefusal, answerErrors(pino({ level: 'silent' })))
  server = await listenHttp(app, { port: 0, host: '127.0.0.1' })
})
afterAll(() => server.close())

type Sent = { headers?: Record<string, string>; body?: string | Buffer }

/** What came of it: what the route got, or the status and the code of the refusal. */
async function post(path: string, { headers = {}, body = '' }: Sent): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, { method: 'POST', headers, body })
  const { got, code } = (await answer.json()) as { got?: unknown; code?: string }
  return answer.status === 200 ? got : `${answer.status} ${code}`
}

const typed = (type: string): { headers: Record<string, string> } => ({ headers: { 'content-type': type } })
const json = typed('application/json')
const form = typed('application/x-www-form-urlencoded; charset=utf-8')

test.each<[string, Sent, unknown]>([
  ['an object', { ...json, body: '{"a":["é","𝄞"]}' }, { a: ['é', '𝄞'] }],
  ['a value that is no object', { ...json, body: '"text"' }, 'text'],
  ['no bytes at all, as an empty object', { ...json, body: '' }, {}],
  ['JSON of another content type', { ...typed('text/plain'), body: '[1]' }, [1]],
  ['JSON behind a byte order mark (RFC 8259 section 8.1)', { ...json, body: '\ufeff{"a":1}' }, { a: 1 }],
  ['a charset in quotes and capitals', { ...typed('application/json; charset="UTF-8"'), body: '[2]' }, [2]],
  ['the content encoding that is none', { headers: { 'content-encoding': 'Identity' }, body: '[3]' }, [3]],
  ['a member of the name __proto__, as a member', { ...json, body: '{"__proto__":{"a":1}}' }, JSON.parse('{"__proto__":{"a":1}}')],
])('JSON is read: %s', async (_what, sent, got) => {
  expect(await post('/json', sent)).toEqual(got)
}) // prettier-ignore

test.each<[string, Sent, string]>([
  ['half of an object', { ...json, body: '{"a":' }, '400 invalid_json'],
  ['another charset', { ...typed('application/json; charset=utf-16'), body: '{}' }, '415 unsupported_media_type'],
  ['a compressed body', { headers: { 'content-encoding': 'gzip' }, body: '{}' }, '415 unsupported_media_type'],
])('JSON is refused: %s', async (_what, sent, refusal) => {
  expect(await post('/json', sent)).toEqual(refusal)
})

test('a route that passes a body on gets its bytes, whatever they are', async () => {
  expect(await post('/bytes', { ...typed('image/png'), body: Buffer.from([0, 255, 254, 10]) })).toBe('00fffe0a')
})

test.each<[string, Sent, unknown]>([
  ['fields, percent-encoded and with plus signs', { ...form, body: 'a=1+2&b=%C3%A9' }, { a: '1 2', b: 'é' }],
  ['a name that stands twice, as a list', { ...form, body: 'a=1&b=2&a=3' }, { a: ['1', '3'], b: '2' }],
  ['names with brackets, as they stand', { ...form, body: 'a[b]=1' }, { 'a[b]': '1' }],
  ['a field named __proto__, as a field', { ...form, body: '__proto__=1' }, JSON.parse('{"__proto__":"1"}')],
  ['nothing of a body that is no form', { ...json, body: 'a=1' }, undefined],
  ['nothing beyond the number of fields', { ...form, body: 'a=1&a=2&a=3&a=4' }, '413 payload_too_large'],
  ['nothing of another charset', { ...typed('application/x-www-form-urlencoded;charset=latin1'), body: 'a=1' }, '415 unsupported_media_type'],
])('of a form is read: %s', async (_what, sent, got) => {
  expect(await post('/form', sent)).toEqual(got)
}) // prettier-ignore

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

const chunked = 'POST /json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
const chunkOf = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

test('a body in chunks is put together, also where a chunk ends within a character', async () => {
  const [first, rest] = [Buffer.from('"é"').subarray(0, 2), Buffer.from('"é"').subarray(2)].map((part) => part.toString('latin1'))
  const received = await exchangeBytes(server.port, [chunked, chunkOf(first ?? ''), chunkOf(rest ?? ''), '0\r\n\r\n'], 500)
  expect(Buffer.from(received, 'latin1').toString()).toContain('{"got":"é"}')
}) // prettier-ignore

test('a body in chunks is refused as soon as it is too large, and its connection ends', async () => {
  // Its end never comes: whoever waits for it does not answer.
  const received = await exchangeBytes(server.port, [chunked, chunkOf('a'.repeat(httpLimits.bodyBytes + 1))])
  expect([statusesIn(received), /^connection: close/im.test(received)]).toEqual([[413], true])
})

test.each(['/json', '/late'])(
  'a request to %s that ends within its body is over, and noted as cancelled',
  async (route) => {
    const [before, refused] = [lines.length, refusals.length]
    await exchangeBytes(server.port, `POST ${route} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{`, 100)
    for (let turn = 0; turn < 1_000 && refusals.length === refused; turn++) await nextTurn()
    expect(lines.slice(before).map((line): unknown => JSON.parse(line))).toMatchObject([
      { route, status: 499, reason: 'request_cancelled' },
    ])
    expect(refusals.slice(refused)).toMatchObject([{ reason: 'request_cancelled' }])
  },
)
