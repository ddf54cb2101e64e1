import { createServer, type RequestListener, type Server } from 'node:http'
import { codeOf } from '../problem.js'

/**
 * Serves `http://localhost:<port>` on both loopback addresses, because some clients try ::1 first and do not fall back.
 * A machine without IPv6 is served on 127.0.0.1 alone. Nothing outside this machine can connect.
 */
export async function listenOnLoopback(port: number, listener: RequestListener): Promise<{ close(): Promise<void> }> {
  const servers = [await listen(port, '127.0.0.1', listener)]
  try {
    servers.push(await listen(port, '::1', listener))
  } catch (error) {
    const code = codeOf(error)
    if (code !== 'EADDRNOTAVAIL' && code !== 'EAFNOSUPPORT') throw error
  }
  return {
    async close() {
      await Promise.all(servers.map(close))
    },
  }
}

function listen(port: number, host: string, listener: RequestListener): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(listener)
    server.once('error', reject)
    server.listen(port, host, () => resolve(server))
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
