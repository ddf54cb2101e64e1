import type { RequestListener } from 'node:http'
import { listenHttp, listenSilently, type Listener } from './listeners.js'
import { createTestAuthority, type TestAuthority } from './tls/authority.js'
import { labNames, tlsFaults, tlsOptionsOf, type TlsFault } from './tls/faults.js'

/** Where a lab is reached. Every origin but the attacker's serves the same providers. */
export type Origins = {
  url: string
  attackerUrl: string
  /** Origins whose TLS is broken in one way each; none without TLS. */
  tlsFaultUrls: Partial<Record<TlsFault, string>>
  /** What clients have to trust, as PEM; undefined without TLS. */
  caCertificate: string | undefined
}

export type OpenOrigins = Origins & { close(): Promise<void> }

export type Handlers = { serve: RequestListener; serveAttacker: RequestListener }

export type OriginOptions = { host: string; port: number; tls: boolean }

/** Opens every listener of a lab. Rejects with a sentence when the port is not to be had. */
export async function openOrigins(handlers: Handlers, { host, port, tls }: OriginOptions): Promise<OpenOrigins> {
  const authority = tls ? createTestAuthority() : undefined
  const secure = authority?.issue({ names: host === '127.0.0.1' ? labNames : [...labNames, host] })
  const originOf = ({ port: own }: Listener): string => `${tls ? 'https' : 'http'}://${nameOf(host)}:${own}`
  const main = await listenHttp(handlers.serve, host, port, secure)
  const attacker = await listenHttp(handlers.serveAttacker, host, 0, secure)
  const faulty = authority ? await openFaulty(handlers.serve, host, authority) : []
  return {
    url: originOf(main),
    attackerUrl: originOf(attacker),
    tlsFaultUrls: Object.fromEntries(faulty.map(([fault, listener]) => [fault, originOf(listener)])),
    caCertificate: authority?.cert,
    close: async () => {
      await Promise.all([main, attacker, ...faulty.map(([, listener]) => listener)].map((each) => each.close()))
    },
  }
}

function openFaulty(serve: RequestListener, host: string, authority: TestAuthority): Promise<[TlsFault, Listener][]> {
  const open = async (fault: TlsFault): Promise<[TlsFault, Listener]> => {
    const tls = tlsOptionsOf(fault, authority)
    return [fault, await (tls ? listenHttp(serve, host, 0, tls) : listenSilently(host))]
  }
  return Promise.all(tlsFaults.map(open))
}

// Who listens on every address is still reached by its own machine at the loopback one.
function nameOf(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
