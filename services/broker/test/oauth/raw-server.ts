import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer, type ServerOptions } from 'node:https'
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net'

// Owns plain servers for what the lab cannot do: count connections, speak TLS, talk nonsense below HTTP.

export type RawServer = { port: number; connections: number; close(): Promise<void> }

export const startHttp = (listener: RequestListener): Promise<RawServer> => listen(createHttpServer(listener))

export const startHttps = (tls: ServerOptions, listener: RequestListener): Promise<RawServer> =>
  listen(createHttpsServer(tls, listener))

/** Calls `onData` with each chunk of bytes a client sends. */
export const startTcp = (onData: (socket: Socket, text: string) => void): Promise<RawServer> =>
  listen(createTcpServer((socket) => void socket.on('data', (data) => onData(socket, data.toString('latin1')))))

async function listen(server: Server): Promise<RawServer> {
  const sockets = new Set<Socket>()
  const raw: RawServer = {
    port: 0,
    connections: 0,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
  server.on('connection', (socket: Socket) => {
    raw.connections += 1
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  raw.port = (server.address() as AddressInfo).port
  return raw
}
