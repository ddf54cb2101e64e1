import { lookup } from 'node:dns/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { isIP } from 'node:net'
import { rootCertificates } from 'node:tls'
import { isPublicAddress } from './public-address.js'

export type FetchRules = {
  /** Hosts that may be fetched from although their addresses are private: the client under test on this machine. */
  privateHosts: readonly string[]
  /** Trusted besides the platform's authorities, as PEM. */
  ca: string | undefined
}

export type DocumentAnswer = { body: string; cacheControl: string }

const deadlineMs = 5_000
const maxBytes = 5_120

/**
 * Fetches a small JSON document from a URL that a stranger chose: every address of the host is judged and the socket goes to
 * the one that was judged, no redirect is followed, five seconds and 5 KiB are the limits. Answers what is wrong, or the text.
 */
export async function fetchDocument(id: string, rules: FetchRules): Promise<DocumentAnswer | { problem: string }> {
  const url = new URL(id)
  const address = await addressOf(url.hostname.replace(/^\[|\]$/g, ''), rules)
  if (address === undefined) return { problem: 'the host of client_id has no public address' }
  try {
    const response = await get(url, address, rules)
    if (response.statusCode !== 200) {
      response.destroy()
      return { problem: `the document of client_id was answered with ${response.statusCode}, not 200` }
    }
    const body = await readWithin(response)
    if (body === undefined) return { problem: `the document of client_id is over ${maxBytes} bytes` }
    return { body, cacheControl: response.headers['cache-control'] ?? '' }
  } catch (error) {
    return { problem: `the document of client_id could not be fetched: ${codeOf(error)}` }
  }
}

/** The first address, when all are allowed: one private address among public ones is a lie. */
async function addressOf(host: string, { privateHosts }: FetchRules): Promise<string | undefined> {
  const found = isIP(host) === 0 ? await lookup(host, { all: true }).catch(() => []) : [{ address: host }]
  const addresses = found.map(({ address }) => address)
  return privateHosts.includes(host) || addresses.every(isPublicAddress) ? addresses[0] : undefined
}

function get(url: URL, address: string, { ca }: FetchRules): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      agent: false,
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(deadlineMs),
      // The name is for TLS and the Host header; the connection goes to the judged address.
      lookup: (_host, { all }, done) => {
        const family = isIP(address)
        return all ? done(null, [{ address, family }]) : done(null, address, family)
      },
      ...(ca !== undefined && { ca: [...rootCertificates, ca] }),
    })
    sent.once('response', resolve)
    sent.once('error', reject)
    sent.end()
  })
}

/** Undefined when there is more than may be. */
async function readWithin(response: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const bytes of response as AsyncIterable<Buffer>) {
    size += bytes.length
    if (size > maxBytes) return undefined // leaving the loop destroys the response
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no answer in time'
