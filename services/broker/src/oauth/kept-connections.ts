import type { LookupFunction } from 'node:net'
import { Client } from 'undici'

// Owns the connections to providers: opens them, keeps those that have just served a call, ends all others.
// Does not own where they may go (outbound-target.ts) nor what is said over them (outbound-call.ts).

/** Where a call goes: its addresses were judged for this very call, and `lookup` answers with nothing else. */
export type Destination = { url: URL; addresses: readonly string[]; lookup: LookupFunction }

/** `spent`: something of the call may still be on it. `lost`: it ended after the request and before a whole answer. */
export type ConnectionState = 'clean' | 'spent' | 'lost'

export type Connection = { readonly client: Client; readonly openedAtMs: number; isReused: boolean } & Readonly<Place>
type Place = { origin: string; key: string }

export type KeptConnections = {
  /** One whose last call was answered moments ago, else one that opens with its first request. Nobody else has it. */
  take(to: Destination): Connection
  /** Each taken one comes back once; whatever is under way on it then ends. */
  giveBack(connection: Connection, state: ConnectionState): void
  close(): void
}

/** Milliseconds. */
export type ConnectionLimits = {
  connectMs: number
  headerBytes: number
  /** How long a connection waits for its next call. */
  idleMs: number
  /** How long it is given another call: certificates and addresses are looked at again that often at least. */
  ageMs: number
}

/** Idle ones of all providers together; the one idle the longest goes first. */
const mostIdle = 256
/** A server that ends a connection it had offered to keep gets a fresh one for each call: the next may be lost in use. */
const distrustMs = 600_000
const mostDistrusted = 1_000

// The library would make an error with a stack of its own for each connection.
const over = new Error('the call is over')

/** `certificateAuthorities`: PEM certificates to trust instead of the platform's. */
export function createKeptConnections(
  limits: ConnectionLimits,
  certificateAuthorities?: readonly string[],
): KeptConnections {
  const idle: Connection[] = []
  const distrustedUntilMs = new Map<string, number>()
  let isClosed = false

  const end = ({ client }: Connection): void => void client.destroy(over).catch(() => undefined)
  const forget = (connection: Connection): void => {
    const at = idle.indexOf(connection)
    if (at < 0) return
    idle.splice(at, 1)
    end(connection)
  }
  const distrust = (origin: string): void => {
    distrustedUntilMs.delete(origin)
    distrustedUntilMs.set(origin, performance.now() + distrustMs)
    const [oldest] = distrustedUntilMs.keys()
    if (distrustedUntilMs.size > mostDistrusted && oldest !== undefined) distrustedUntilMs.delete(oldest)
    idle.filter((connection) => connection.origin === origin).forEach(forget)
  }
  const open = (place: Place, lookup: LookupFunction): Connection => {
    const client = openClient(place.origin, lookup, limits, certificateAuthorities)
    const connection = { client, openedAtMs: performance.now(), isReused: false, ...place }
    client.on('disconnect', (_origin, _targets, error) => {
      if (!idle.includes(connection)) return
      forget(connection)
      // Not our own end to its idleness: the server closed what it had offered to keep, or spoke without being asked.
      if (error.code !== 'UND_ERR_INFO') distrust(place.origin)
    })
    return connection
  }
  const mayKeep = ({ client, origin, openedAtMs }: Connection): boolean => {
    const nowMs = performance.now()
    if (isClosed || nowMs - openedAtMs > limits.ageMs || !client.stats.connected) return false
    return nowMs > (distrustedUntilMs.get(origin) ?? -Infinity)
  }
  const keep = (connection: Connection): void => {
    if (!mayKeep(connection)) return end(connection)
    idle.push(connection)
    const [oldest] = idle
    if (idle.length > mostIdle && oldest !== undefined) forget(oldest)
  }

  return {
    take({ url, addresses, lookup }) {
      const key = [url.origin, ...addresses.toSorted()].join(' ')
      const at = idle.findLastIndex((connection) => connection.key === key)
      const [kept] = at < 0 ? [] : idle.splice(at, 1)
      if (kept === undefined) return open({ origin: url.origin, key }, lookup)
      kept.isReused = true
      return kept
    },
    giveBack(connection, state) {
      if (state === 'lost' && connection.isReused) distrust(connection.origin)
      // A turn later the sockets have been read: who closes right after an answer, or says more than it, has been heard.
      if (state === 'clean') setImmediate(() => keep(connection))
      else end(connection)
    },
    close() {
      isClosed = true
      idle.splice(0).forEach(end)
    },
  }
}

const openClient = (
  origin: string,
  lookup: LookupFunction,
  { connectMs, headerBytes, idleMs }: ConnectionLimits,
  certificateAuthorities: readonly string[] | undefined,
): Client =>
  new Client(origin, {
    connect: {
      lookup,
      timeout: connectMs,
      rejectUnauthorized: true, // whatever NODE_TLS_REJECT_UNAUTHORIZED says
      minVersion: 'TLSv1.2',
      ...(certificateAuthorities === undefined ? {} : { ca: [...certificateAuthorities] }),
    },
    maxCachedSessions: 0, // Node does not compare the host name again in a resumed session
    pipelining: 1,
    keepAliveTimeout: idleMs,
    keepAliveMaxTimeout: idleMs, // whatever the server offers; when it offers 2 s or less, nothing is kept
    maxHeaderSize: headerBytes,
    headersTimeout: 0, // our own timers: the library's are rounded to seconds
    bodyTimeout: 0,
  })
