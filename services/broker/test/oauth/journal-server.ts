import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type RawServer, startTcp } from './raw-server.js'

// Owns a server below HTTP that writes down each whole request it was sent, and answers as a test says.

export type JournalServer = RawServer & {
  /** The bodies of all requests, as they came. */
  requests: string[]
  /** One for each connection that said something. */
  sockets: Socket[]
}

/** `onRequest` is called when a request is whole; `body` is what `calling` put into it. */
export async function startJournal(onRequest: (socket: Socket, body: string) => void): Promise<JournalServer> {
  const requests: string[] = []
  const sockets: Socket[] = []
  const pending = new Map<Socket, string>()
  const server = await startTcp((socket, text) => {
    if (!sockets.includes(socket)) sockets.push(socket)
    const request = (pending.get(socket) ?? '') + text
    const body = /\r\n\r\n(call \d+)$/.exec(request)?.[1]
    pending.set(socket, body === undefined ? request : '')
    if (body === undefined) return
    requests.push(body)
    onRequest(socket, body)
  })
  return Object.assign(server, { requests, sockets })
}

/** An answer of HTTP/1.1 that a connection survives. */
export const ok = (body: string, head = ''): string =>
  `HTTP/1.1 200 OK\r\n${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

/** One turn of the loop: what has arrived was read, and a connection that may be kept is kept. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Until the other side has closed it. */
export async function closed(socket: Socket | undefined): Promise<void> {
  if (socket === undefined) throw new Error('there was no connection')
  if (!socket.closed) await once(socket, 'close')
  await turn()
}
