import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Answer, RawFault } from './answer.js'
import { pauseMs, write } from './write.js'

const giveUpMs = 600_000

/** Commits the fault on the socket, past the HTTP library. Resolves when nothing more will be sent. */
export async function deliverRaw(response: ServerResponse, answer: Answer, fault: RawFault): Promise<void> {
  const { socket } = response
  if (!socket) return
  const body = Buffer.from(answer.body)
  const withLength = headOf(answer, { 'content-length': String(body.length) })
  switch (fault.kind) {
    case 'drip-head':
      return drip(socket, Buffer.concat([withLength, body]), fault.everyMs)
    case 'endless-chunks':
      await write(socket, headOf(answer, { 'transfer-encoding': 'chunked' }))
      return drip(socket, undefined, fault.everyMs)
    case 'garbage':
      await write(socket, Buffer.from('SSH-2.0-OpenSSH_9.6\r\n\u0000\u0001\u0002 this is no HTTP\r\n'))
      return void socket.end()
    case 'half-close':
      // A clean FIN in the middle: to a careless client the shorter body looks whole.
      await write(socket, Buffer.concat([withLength, body.subarray(0, body.length / 2)]))
      return void socket.end()
    case 'two-lengths':
      // RFC 9112 section 6.1: Transfer-Encoding with Content-Length is how responses are smuggled.
      await write(socket, headOf(answer, { 'content-length': '3', 'transfer-encoding': 'chunked' }))
      await write(socket, Buffer.concat([chunk(body), Buffer.from('0\r\n\r\n')]))
      return void socket.end()
  }
}

function headOf({ status, headers }: Answer, length: Record<string, string>): Buffer {
  const lines = Object.entries({ ...headers, ...length }).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`HTTP/1.1 ${status} OK\r\n${lines.join('')}\r\n`)
}

const chunk = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])

/** Byte by byte; without bytes, spaces in chunks for ever. Ends when the client leaves. */
async function drip(socket: Socket, bytes: Buffer | undefined, everyMs: number): Promise<void> {
  const until = Date.now() + giveUpMs
  for (let at = 0; bytes === undefined || at < bytes.length; at++) {
    await pauseMs(everyMs)
    if (socket.destroyed || Date.now() > until) return
    await write(socket, bytes ? bytes.subarray(at, at + 1) : chunk(Buffer.from(' ')))
  }
  socket.end()
}
