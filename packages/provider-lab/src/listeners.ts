import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'

export type Listener = { port: number; close(): Promise<void> }

/** Serves HTTP, or HTTPS with `tls`, on `port` (0 takes a free one). Rejects as listen does. */
export function listenHttp(handle: RequestListener, host: string, port: number, tls?: TlsOptions): Promise<Listener> {
  return listen(tls ? createHttpsServer(tls, handle) : createHttpServer(handle), host, port)
}

/** Takes connections and never says a word: a TLS handshake with it does not end. */
export const listenSilently = (host: string): Promise<Listener> => listen(createTcpServer(), host, 0)

/** Rejects with a sentence a person can act on when the port is not to be had. */
function listen(server: Server, host: string, port: number): Promise<Listener> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(portTrouble(error, host, port)))
    server.listen(port, host, () => {
      const address = server.address()
      if (address === null || typeof address === 'string') return reject(new Error('no TCP address'))
      resolve({ port: address.port, close })
    })
  })
}

/** The error of listen or bind, as a sentence a person can act on. */
export function portTrouble(error: Error, host: string, port: number): Error {
  const code = 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return new Error(`port ${port} on ${host} is taken by another program`, { cause: error })
  if (code === 'EACCES') return new Error(`port ${port} may not be opened by this user`, { cause: error })
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new Error(`this machine has no address ${host}`, { cause: error })
  }
  return error
}
