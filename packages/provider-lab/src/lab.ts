import type { IncomingMessage, ServerResponse } from 'node:http'
import type { JournalEntry } from './journal.js'
import { openOrigins } from './origins.js'
import type { LabProvider } from './provider.js'
import { serve, serveAttacker } from './serve.js'
import type { ProviderState } from './state.js'
import { createTenants, type TenantOptions } from './tenants.js'
import type { Certified, CertificateWish } from './tls/authority.js'

export type LabOptions = {
  /** The same seed gives the same tokens and the same `prob` decisions. Default 1. */
  seed?: number
  /** Where the providers listen; default any free port on 127.0.0.1. */
  port?: number
  host?: string
  /** HTTPS on every origin, with a certificate authority of this lab. Default false. */
  tls?: boolean
  /** Requests each journal keeps, the newest; default 100,000. */
  journalSize?: number
  /** Providers at a time; default 10,000. */
  maxProviders?: number
  /** Called with every request once the lab is done with it. */
  onRequest?(providerId: string, entry: JournalEntry): void
  /** Real time in milliseconds, for the age of providers. */
  nowMs?(): number
}

export type ProviderLab = {
  /** Origin of all providers; each lives at `{url}/t/{id}`. */
  url: string
  /** What clients have to trust, as PEM; undefined without `tls`. */
  caCertificate: string | undefined
  /** Of the lab's authority, for a server or a client of yours. Throws a sentence without `tls`. */
  issueCertificate(wish: CertificateWish): Certified
  /** Throws a sentence when the id is taken or malformed, or the lab is full. */
  createProvider(options?: TenantOptions): LabProvider
  findProvider(id: string): LabProvider | undefined
  providers(): LabProvider[]
  /** Its URLs answer 404 from now on. False when there was none. */
  removeProvider(id: string): boolean
  /** Releases every hold, drops every connection and stops listening. */
  close(): Promise<void>
}

type Serve = (state: ProviderState, incoming: IncomingMessage, response: ServerResponse) => Promise<JournalEntry>

/**
 * Starts the lab: one process, many isolated providers, each with its own issuer, keys, client, switches, journal and
 * clock. Rejects with a sentence when the port is not to be had.
 */
export async function startProviderLab(options: LabOptions = {}): Promise<ProviderLab> {
  const { host = '127.0.0.1', port = 0 } = options
  const tenants = createTenants({
    seed: options.seed ?? 1,
    journalSize: options.journalSize ?? 100_000,
    maxProviders: options.maxProviders ?? 10_000,
    nowMs: options.nowMs ?? Date.now,
  })
  const route =
    (handle: Serve) =>
    (incoming: IncomingMessage, response: ServerResponse): void => {
      const id = providerPath.exec(incoming.url ?? '')?.[1] ?? ''
      const state = tenants.serving(id)
      if (!state) {
        response.writeHead(404, { 'content-type': 'text/plain' }).end('no such provider\n')
        return
      }
      handle(state, incoming, response)
        .then((entry) => options.onRequest?.(id, entry))
        // Only a client that left early or our own fault gets here; either way this connection is over.
        .catch(() => response.destroy())
    }
  const handlers = { serve: route(serve), serveAttacker: route(serveAttacker) }
  const origins = await openOrigins(handlers, { host, port, tls: options.tls ?? false })
  return {
    url: origins.url,
    caCertificate: origins.caCertificate,
    issueCertificate: origins.issueCertificate,
    createProvider: (own = {}) => tenants.add(own, origins),
    findProvider: tenants.find,
    providers: tenants.list,
    removeProvider: tenants.remove,
    close: async () => {
      for (const { id } of tenants.list()) tenants.remove(id)
      await origins.close()
    },
  }
}

// RFC 8414 section 3.1 puts the well-known part before the issuer's path, OpenID Connect Discovery after it.
const providerPath = /^(?:\/\.well-known\/[a-z-]+)?\/t\/([^/?]+)/
