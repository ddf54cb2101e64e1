import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { LabProviderOptions } from './options.js'
import { createProviderSurface, type LabProvider } from './provider.js'
import { serve, serveAttacker } from './serve.js'
import { createState, type ProviderState } from './state.js'

export type ProviderLab = {
  /** Origin of all providers; each lives at `{url}/t/{id}`. */
  url: string
  createProvider(options?: LabProviderOptions): LabProvider
  /** Releases every hold, drops every connection and stops listening. */
  close(): Promise<void>
}

type Serve = (state: ProviderState, incoming: IncomingMessage, response: ServerResponse) => Promise<void>

/**
 * Starts the lab on a free loopback port: one process, many isolated providers, each with its own issuer, keys, client,
 * switches, journal and clock. The same `seed` (default 1) gives the same tokens and the same `prob` decisions.
 */
export async function startProviderLab({ seed = 1 }: { seed?: number } = {}): Promise<ProviderLab> {
  const providers = new Map<string, ProviderState>()
  const main = createServer(route(providers, serve))
  const attacker = createServer(route(providers, serveAttacker))
  const [url, attackerUrl] = await Promise.all([listen(main), listen(attacker)])
  return {
    url,
    createProvider: (options = {}) => {
      const id = `p${providers.size + 1}`
      const state = createState(id, seed, { url, attackerUrl }, options)
      providers.set(id, state)
      return createProviderSurface(state)
    },
    close: async () => {
      for (const { holds } of providers.values()) holds.releaseAll()
      await Promise.all([stop(main), stop(attacker)])
    },
  }
}

// RFC 8414 section 3.1 puts the well-known part before the issuer's path, OpenID Connect Discovery after it.
const providerPath = /^(?:\/\.well-known\/[a-z-]+)?\/t\/([^/?]+)/

function route(providers: ReadonlyMap<string, ProviderState>, handle: Serve) {
  return (incoming: IncomingMessage, response: ServerResponse): void => {
    const state = providers.get(providerPath.exec(incoming.url ?? '')?.[1] ?? '')
    if (!state) {
      response.writeHead(404).end()
      return
    }
    // Only a client that left early or our own fault gets here; either way this connection is over.
    handle(state, incoming, response).catch(() => response.destroy())
  }
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (address === null || typeof address === 'string') return reject(new Error('no TCP address'))
      resolve(`http://127.0.0.1:${address.port}`)
    })
  })
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
