import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { httpLimits, ServiceError } from '@dromos/contract'
import type { Express } from 'express'
import { messageClasses } from './message-classes.js'

export type HttpServer = {
  port: number
  /** Stops accepting, lets in-flight requests finish, closes idle connections. */
  close(): Promise<void>
}

/** `limits` stand in the place of `httpLimits`: a test of slow clients need not be as slow as they are. */
export type ListenOptions = { port: number; host?: string; limits?: Readonly<Record<keyof typeof httpLimits, number>> }

/** Serves an express application under the limits of `httpLimits`. Throws a sentence when the port is busy. */
export async function listenHttp(app: Express, options: ListenOptions): Promise<HttpServer> {
  const limits = options.limits ?? httpLimits
  const server = createServer(
    {
      ...messageClasses(app),
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: limits.slowCheckIntervalMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
    },
    app,
  )
  const inFlight = countInFlight(server)
  await listen(server, options)
  const { port } = server.address() as AddressInfo
  return { port, close: () => closeHttp(server, inFlight) }
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

// `closeIdleConnections` spares connections that never sent a request (browsers and clients open some ahead), so once nothing
// is in flight every connection that is left is closed.
async function closeHttp(server: Server, inFlight: () => number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const sweep = (): void => (inFlight() === 0 ? server.closeAllConnections() : server.closeIdleConnections())
  const timer = setInterval(sweep, 50)
  sweep()
  await closed
  clearInterval(timer)
}

function countInFlight(server: Server): () => number {
  let count = 0
  server.on('request', (_request, response) => {
    count += 1
    response.on('close', () => (count -= 1))
  })
  return () => count
}
