import { connect } from 'node:net'
import { httpLimits } from '@dromos/contract'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import express from 'express'
import { type HttpServer, listenHttp, readJson } from '../../src/index.js'
import { exchangeBytes, statusesIn } from './raw-client.js'

// Owns what a server of ours does to clients that are slow on purpose. Both services listen through listenHttp alone.

let server: HttpServer
beforeAll(async () => {
  const app = express()
  app.post('/', readJson, (_request, response) => void response.json({}))
  app.get('/', (_request, response) => void response.json({}))
  const limits = { ...httpLimits, headersTimeoutMs: 300, requestTimeoutMs: 600, slowCheckIntervalMs: 50 }
  server = await listenHttp(app, { port: 0, host: '127.0.0.1', limits })
})
afterAll(() => server.close())

/** Sends a byte now and then, for as long as the server lets it, and answers what came back by then. */
function drip(begin: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1')
    let received = ''
    const timer = setInterval(() => socket.writable && socket.write('a'), 40)
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearInterval(timer)
      resolve(received)
    })
    socket.write(begin)
  })
}

test.each([
  ['headers that come byte by byte', 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '],
  ['a request line that comes byte by byte', 'GET /'],
  ['a body that comes byte by byte', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"a":"'],
  ['a chunked body that never ends', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n'],
])('%s are ended by the server with 408, and others are served meanwhile (A75)', async (_what, begin) => {
  const slow = drip(begin)
  const request = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
  expect(statusesIn(await exchangeBytes(server.port, request))).toEqual([200])
  expect(statusesIn(await slow)).toEqual([408])
}) // prettier-ignore
