import { createServer, type RequestListener, type Server } from 'node:http'

export type Listener = { server: Server; port: number; close(): Promise<void> }

/** Listens on `port` (0 takes a free one). Rejects with a sentence a person can act on when the port is not to be had. */
export function listen(server: Server, host: string, port: number): Promise<Listener> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(portTrouble(error, host, port)))
    server.listen(port, host, () => {
      const address = server.address()
      if (address === null || typeof address === 'string') return reject(new Error('no TCP address'))
      resolve({ server, port: address.port, close: () => stop(server) })
    })
  })
}

export const listenHttp = (handle: RequestListener, host: string, port: number): Promise<Listener> =>
  listen(createServer(handle), host, port)

function portTrouble(error: Error, host: string, port: number): Error {
  const code = 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return new Error(`port ${port} on ${host} is taken by another program`, { cause: error })
  if (code === 'EACCES') return new Error(`port ${port} may not be opened by this user`, { cause: error })
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new Error(`this machine has no address ${host}`, { cause: error })
  }
  return error
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
