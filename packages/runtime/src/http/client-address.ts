import { BlockList, isIP } from 'node:net'

/** Networks in CIDR notation, matched with IPv4-mapped IPv6 addresses read as IPv4. */
export type Networks = { contains(address: string): boolean }

/** Parses CIDRs and single addresses. What cannot be read comes back in `invalid`: skipping it would open a hole. */
export function parseNetworks(cidrs: readonly string[]): { networks: Networks; invalid: string[] } {
  const list = new BlockList()
  const invalid: string[] = []
  for (const cidr of cidrs) {
    const [address = '', prefix, ...rest] = cidr.split('/')
    const family = familyOf(address)
    const bits = prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix)
    const isPrefix = prefix === undefined || /^\d{1,3}$/.test(prefix)
    if (family === undefined || !isPrefix || rest.length > 0 || bits > (family === 'ipv6' ? 128 : 32))
      invalid.push(cidr)
    else list.addSubnet(address, bits, family)
  }
  const judge = (address: string): boolean => {
    const plain = plainAddress(address)
    const family = familyOf(plain)
    return family !== undefined && list.check(plain, family)
  }
  return { networks: { contains: cidrs.length === 0 ? () => false : remembering(judge) }, invalid }
}

const rememberedAddresses = 1_000

// Asked several times for every request, nearly always about the same few addresses.
function remembering(judge: (address: string) => boolean): (address: string) => boolean {
  const verdicts = new Map<string, boolean>()
  return (address) => {
    const known = verdicts.get(address)
    if (known !== undefined) return known
    const verdict = judge(address)
    if (verdicts.size >= rememberedAddresses) verdicts.clear()
    verdicts.set(address, verdict)
    return verdict
  }
}

/**
 * The caller's address: the socket's own, unless that is a trusted proxy; then the right-most hop of `X-Forwarded-For`
 * that is none. Everything left of it was written by strangers. A hop that is no address ends the walk, so that a made-up
 * header can hide a caller behind the proxy but never lend it another address.
 */
export function clientAddress(
  socketAddress: string | undefined,
  forwardedFor: string | undefined,
  trusted: Networks,
): string {
  let address = plainAddress(socketAddress ?? '')
  if (!trusted.contains(address)) return address
  const hops = (forwardedFor ?? '').split(',')
  while (trusted.contains(address) && hops.length > 0) {
    const hop = plainAddress((hops.pop() ?? '').trim())
    if (isIP(hop) === 0) break
    address = hop
  }
  return address
}

// A server that listens on `::` sees IPv4 callers as `::ffff:192.0.2.1` (RFC 4291 section 2.5.5.2).
function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1]
  return mapped ?? address
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address)
  return version === 4 ? 'ipv4' : version === 6 ? 'ipv6' : undefined
}
