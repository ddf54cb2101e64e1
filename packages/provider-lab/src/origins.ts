import type { RequestListener } from 'node:http'
import { listenHttp, listenSilently, type Listener } from './listeners.js'
import { createTestAuthority, type Certified, type CertificateWish, type TestAuthority } from './tls/authority.js'
import { labNames, tlsFaults, tlsOptionsOf, type TlsFault } from './tls/faults.js'

/** Where a lab is reached. Every origin but the attacker's serves the same providers. */
export type Origins = {
  url: string
  attackerUrl: string
  /** Origins whose TLS is broken in one way each; none without TLS. */
  tlsFaultUrls: Partial<Record<TlsFault, string>>
  /** An origin that asks for a client certificate (RFC 8705); undefined without TLS. */
  mtlsUrl: string | undefined
  /** What clients have to trust, as PEM; undefined without TLS. */
  caCertificate: string | undefined
}

export type OpenOrigins = Origins & {
  /** Throws a sentence without TLS. */
  issueCertificate(wish: CertificateWish): Certified
  close(): Promise<void>
}

export type Handlers = { serve: RequestListener; serveAttacker: RequestListener }

export type OriginOptions = { host: string; port: number; tls: boolean }

/** Opens every listener of a lab. Rejects with a sentence when the port is not to be had. */
export async function openOrigins(handlers: Handlers, { host, port, tls }: OriginOptions): Promise<OpenOrigins> {
  const authority = tls ? createTestAuthority() : undefined
  const secure = authority?.issue({ names: host === '127.0.0.1' ? labNames : [...labNames, host] })
  const originOf = ({ port: own }: Listener): string => `${tls ? 'https' : 'http'}://${nameOf(host)}:${own}`
  const main = await listenHttp(handlers.serve, host, port, secure)
  const attacker = await listenHttp(handlers.serveAttacker, host, 0, secure)
  const mutual = authority && secure ? await listenMutually(handlers.serve, host, authority, secure) : undefined
  const faulty = authority ? await openFaulty(handlers.serve, host, authority) : []
  return {
    url: originOf(main),
    attackerUrl: originOf(attacker),
    tlsFaultUrls: Object.fromEntries(faulty.map(([fault, listener]) => [fault, originOf(listener)])),
    mtlsUrl: mutual && originOf(mutual),
    caCertificate: authority?.cert,
    issueCertificate: (wish) => {
      if (authority) return authority.issue(wish)
      throw new Error('the lab has no authority: start it with tls, or dromos-lab --tls')
    },
    close: async () => {
      const listeners = [main, attacker, ...(mutual ? [mutual] : []), ...faulty.map(([, listener]) => listener)]
      await Promise.all(listeners.map((each) => each.close()))
    },
  }
}

// A certificate of nobody is let in and judged later: the refusal is OAuth's, and the journal shows it.
function listenMutually(
  serve: RequestListener,
  host: string,
  { cert }: TestAuthority,
  own: Certified,
): Promise<Listener> {
  return listenHttp(serve, host, 0, { ...own, ca: cert, requestCert: true, rejectUnauthorized: false })
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
