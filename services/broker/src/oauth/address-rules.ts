import ipaddr from 'ipaddr.js'
import { isIP } from 'node:net'

// Owns which addresses the broker may talk to. Does not own names: outbound-target.ts resolves them first.

/** `allowed_private` = inside a network the operator listed; there, and only there, plain http is accepted too. */
export type AddressVerdict = 'public' | 'allowed_private' | 'refused'

export type AddressRules = {
  /** Judges one address in the form `net.isIP` knows; anything else is refused. */
  judge(address: string): AddressVerdict
}

type Address = ReturnType<typeof ipaddr.parse>

// RFC 4291 section 2.4: global unicast. Everything outside it is loopback, link-local, multicast or not yet assigned.
const globalUnicast = ipaddr.parseCIDR('2000::/3')

/** Makes the rules. `allowedPrivateNetworks` are CIDR networks; throws a sentence on an entry that is none. */
export function createAddressRules(allowedPrivateNetworks: readonly string[]): AddressRules {
  const networks = allowedPrivateNetworks.map(parseNetwork)
  const isListed = (address: Address): boolean =>
    networks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))
  return {
    judge(address) {
      // ipaddr.js reads 010.0.0.1 as octal and 167772161 as a number; the socket layer may not.
      if (isIP(address) === 0) return 'refused'
      const outer = ipaddr.parse(address)
      const inner = unwrap(outer)
      if (isListed(outer) || isListed(inner)) return 'allowed_private'
      return isPublic(inner) ? 'public' : 'refused'
    },
  }
}

function parseNetwork(text: string): [Address, number] {
  try {
    return ipaddr.parseCIDR(text)
  } catch (cause) {
    throw new Error('allowed private networks: every entry must be a CIDR network such as 10.0.0.0/8', { cause })
  }
}

/** The IPv4 address inside an IPv6 one that a translator would send to (IPv4-mapped, NAT64, 6to4); else the address itself. */
function unwrap(address: Address): Address {
  const bytes = address.toByteArray()
  if (bytes.length === 4) return address
  switch (address.range()) {
    case 'ipv4Mapped': // RFC 4291 section 2.5.5.2
    case 'rfc6052': // NAT64 64:ff9b::/96
      return ipaddr.fromByteArray(bytes.slice(12))
    case '6to4': // RFC 3056
      return ipaddr.fromByteArray(bytes.slice(2, 6))
    default:
      return address
  }
}

function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false
  return address.kind() === 'ipv4' || address.match(globalUnicast)
}
