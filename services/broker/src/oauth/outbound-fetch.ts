import { outboundLimits } from '@dromos/contract'
import { setMaxListeners } from 'node:events'
import { createAddressRules, type AddressRules } from './address-rules.js'
import { createKeptConnections } from './kept-connections.js'
import { callOnce, type OutboundLimits, type OutboundRequest, type OutboundResult } from './outbound-call.js'
import { chooseTarget, isEndpointAcceptable, resolveByDns, type Resolve, type Target } from './outbound-target.js'

// Owns the egress guard: everything the broker fetches goes through here. Does not own what an answer means.
// No redirect is followed, no proxy variable is read, no address outside the rules is connected to.

export type Outbound = {
  /** Sends one request, once. Never throws: what went wrong is a closed vocabulary without any of the provider's text. */
  send(request: OutboundRequest): Promise<OutboundResult>
  /** True when a URL from metadata may be used: https, or http inside an allowed private network. */
  accepts(url: string): boolean
  /** Ends every call under way and every connection. */
  close(): void
}

/** How names are resolved, whom TLS trusts and for how long we wait. The platform's ways, unless a test brings its own. */
export type EgressWays = {
  resolve?: Resolve
  limits?: Partial<OutboundLimits>
  /** PEM certificates to trust instead of the platform's. */
  certificateAuthorities?: readonly string[]
}

export type OutboundOptions = EgressWays & {
  /** CIDR networks that may be reached although they are private; plain http is accepted there and nowhere else. */
  allowedPrivateNetworks: readonly string[]
  /** Called with the host name of each refused target. */
  onRefused(hostname: string): void
}

const standardLimits: OutboundLimits = {
  connectMs: outboundLimits.connectMs,
  headersMs: outboundLimits.answerHeadersMs,
  totalMs: outboundLimits.totalMs,
  headerBytes: outboundLimits.answerHeaderBytes,
  idleMs: outboundLimits.keptIdleMs,
  ageMs: outboundLimits.keptAgeMs,
}

export function createOutbound(options: OutboundOptions): Outbound {
  const rules = createAddressRules(options.allowedPrivateNetworks)
  const limits = { ...standardLimits, ...options.limits }
  const connections = createKeptConnections(limits, options.certificateAuthorities)
  const closing = new AbortController()
  setMaxListeners(0, closing.signal) // one listener per call under way
  return {
    async send(request) {
      const startedAtMs = performance.now()
      const target = await resolveInTime(request.url, rules, options.resolve ?? resolveByDns, limits.connectMs)
      switch (target.kind) {
        case 'refused':
          options.onRefused(target.hostname)
          return { kind: 'unsent', why: 'address_refused' }
        case 'unresolved':
          return { kind: 'unsent', why: 'dns_failed' }
        case 'pinned':
          return callOnce(target, request, { limits, connections, startedAtMs, closing: closing.signal })
      }
    },
    accepts: (url) => isEndpointAcceptable(url, rules),
    close() {
      closing.abort()
      connections.close()
    },
  }
}

// A system resolver cannot be cancelled; it may take its time, we do not wait for it.
async function resolveInTime(url: string, rules: AddressRules, resolve: Resolve, timeoutMs: number): Promise<Target> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Target>((give) => {
    timer = setTimeout(() => give({ kind: 'unresolved' }), timeoutMs)
  })
  try {
    return await Promise.race([chooseTarget(url, rules, resolve), late])
  } finally {
    clearTimeout(timer)
  }
}
