import { lookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import type { AddressRules } from './address-rules.js'
import type { Destination } from './kept-connections.js'

// Owns the step from a URL to addresses that were checked and that the socket is pinned to. Does not open sockets.

/** Every address of a name. Replaced in tests by a resolver that changes its mind. */
export type Resolve = (hostname: string) => Promise<readonly string[]>

export type Target = ({ kind: 'pinned' } & Destination) | { kind: 'refused'; hostname: string } | { kind: 'unresolved' }

export const resolveByDns: Resolve = async (hostname) =>
  (await lookup(hostname, { all: true, verbatim: true })).map(({ address }) => address)

/**
 * Resolves a URL once and judges all answers: one private address among public ones refuses the target (rebinding, A34).
 * WHATWG parsing has already turned `2130706433`, `0x7f.1` and circled digits into canonical literals.
 */
export async function chooseTarget(text: string, rules: AddressRules, resolve: Resolve): Promise<Target> {
  if (!URL.canParse(text)) return { kind: 'refused', hostname: '' }
  const url = new URL(text)
  const refused: Target = { kind: 'refused', hostname: url.hostname }
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:'
  if (!isWeb || url.username !== '' || url.password !== '') return refused
  const addresses = await addressesOf(url.hostname, resolve)
  if (addresses === undefined) return { kind: 'unresolved' }
  const verdicts = addresses.map((address) => rules.judge(address))
  if (verdicts.includes('refused')) return refused
  // Plain http would show the client secret to everyone on the way.
  if (url.protocol === 'http:' && verdicts.includes('public')) return refused
  return { kind: 'pinned', url, addresses, lookup: pinnedTo(addresses) }
}

async function addressesOf(hostname: string, resolve: Resolve): Promise<readonly string[] | undefined> {
  const literal = hostname.replace(/^\[|\]$/g, '')
  // A literal never reaches a lookup hook: it has to be judged here.
  if (isIP(literal) !== 0) return [literal]
  try {
    const addresses = await resolve(hostname)
    return addresses.length === 0 ? undefined : addresses
  } catch {
    return undefined
  }
}

/** Answers the socket's own lookup with the checked addresses, so that no second DNS answer can replace them. */
const pinnedTo =
  (addresses: readonly string[]): LookupFunction =>
  (_hostname, options, callback) => {
    const entries = addresses.map((address) => ({ address, family: isIP(address) }))
    const [first] = entries
    if (options.all || first === undefined) callback(null, entries)
    else callback(null, first.address, first.family)
  }

/**
 * True for a URL that may stand in metadata: https, or http when its host is a literal in an allowed private network or
 * `localhost`. What it resolves to is judged again when it is fetched.
 */
export function isEndpointAcceptable(text: string, rules: AddressRules): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  if (url.username !== '' || url.password !== '' || url.hash !== '') return false
  if (url.protocol === 'https:') return true
  const host = url.hostname === 'localhost' ? '127.0.0.1' : url.hostname.replace(/^\[|\]$/g, '')
  return url.protocol === 'http:' && rules.judge(host) === 'allowed_private'
}
