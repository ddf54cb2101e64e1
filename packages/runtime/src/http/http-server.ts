import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ServiceError } from '@dromos/contract'
import type { Express } from 'express'
import { httpLimits } from './limits.js'

export type HttpServer = {
  port: number
  /** Stops accepting, lets in-flight requests finish, closes idle connections. */
  close(): Promise<void>
}

/** Serves an express application under the limits of `httpLimits`. Throws a sentence when the port is busy. */
export async function listenHttp(app: Express, options: { port: number; host?: string }): Promise<HttpServer> {
  const server = createServer(
    {
      maxHeaderSize: httpLimits.headerBytes,
      headersTimeout: httpLimits.headersTimeoutMs,
      requestTimeout: httpLimits.requestTimeoutMs,
      keepAliveTimeout: httpLimits.keepAliveTimeoutMs,
    },
    app,
  )
  await listen(server, options)
  const { port } = server.address() as AddressInfo
  return { port, close: () => closeHttp(server) }
}

function listen(server: Server, options: { port: number; host?: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why =
        cause.code === 'EADDRINUSE'
          ? 'is already in use: stop what listens there or choose another port'
          : 'cannot be opened'
      reject(new ServiceError('internal_error', `port ${options.port} ${why}`, { cause }))
    })
    server.listen(options.port, options.host, () => resolve())
  })
}

async function closeHttp(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  // A keep-alive connection that becomes idle after close() would otherwise hold the process until its timeout.
  const sweep = setInterval(() => server.closeIdleConnections(), 50)
  server.closeIdleConnections()
  await closed
  clearInterval(sweep)
}
