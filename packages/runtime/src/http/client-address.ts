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
 * that is none. Everything left of it was written by strangers. Empty when a hop on the way there is no address: who calls
 * is then unknown, in no network, and a proxy that hides its callers does not lend them its own address.
 */
export function clientAddress(
  socketAddress: string | undefined,
  forwardedFor: string | undefined,
  trusted: Networks,
): string {
  let address = plainAddress(socketAddress ?? '')
  if (!forwardedFor) return address
  const hops = forwardedFor.split(',')
  while (trusted.contains(address) && hops.length > 0) address = hopAddress((hops.pop() ?? '').trim())
  return address
}

// RFC 7239 section 6, which proxies follow in X-Forwarded-For too: a port may stand behind the address, IPv6 is then in brackets.
const addressWithPort = /^(?:\[([\da-f:.]{2,45}(?:%[\w.-]{1,32})?)\]|([\d.]{7,15}))(?::\d{1,5})?$/i

/** The address of a hop; empty when it holds none (`unknown`, `_hidden`, garbage). */
function hopAddress(hop: string): string {
  const [, bracketed, dotted] = addressWithPort.exec(hop) ?? []
  const address = bracketed ?? dotted ?? hop
  return isIP(address) === 0 ? '' : plainAddress(address)
}

// A server that listens on `::` sees IPv4 callers as `::ffff:192.0.2.1` (RFC 4291 section 2.5.5.2). A zone id (RFC 4007
// section 11) means something only on the host that wrote it.
function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1]
  return mapped ?? address.replace(/%.*$/, '')
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address)
  return version === 4 ? 'ipv4' : version === 6 ? 'ipv6' : undefined
}
