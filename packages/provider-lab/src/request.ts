import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { PresentedCertificate } from './tls/client-certificate.js'

export const labEndpoints = [
  'discovery',
  'authorize',
  'token',
  'jwks',
  'userinfo',
  'revocation',
  'par',
  'api',
  'resource_metadata',
  'registration',
  'attacker',
  'other',
] as const

export type LabEndpoint = (typeof labEndpoints)[number]

export type LabRequest = {
  endpoint: LabEndpoint
  method: string
  path: string
  /** The connection's number within the lab. */
  socket: number
  /** What the client proved itself with at the TLS handshake (RFC 8705). */
  certificate: PresentedCertificate | undefined
  /** Request line and headers as they came. */
  rawHead: string
  headers: Record<string, string>
  query: Record<string, string>
  rawBody: string
  /** Body parameters of a form or a flat JSON object. */
  form: Record<string, string>
  /** Parameter names that came more than once: RFC 6749 section 3.2 forbids it. */
  repeated: string[]
}

const maxBodyBytes = 1_048_576
const socketNumbers = new WeakMap<Socket, number>()
let lastSocketNumber = 0

/** The same number for every request of one connection. */
export function socketNumber(socket: Socket): number {
  const known = socketNumbers.get(socket)
  if (known !== undefined) return known
  lastSocketNumber += 1
  socketNumbers.set(socket, lastSocketNumber)
  return lastSocketNumber
}

export function rawHeadOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  const lines = rawHeaders.flatMap((text, index) => (index % 2 === 0 ? [`${text}: ${rawHeaders[index + 1]}`] : []))
  return [`${method} ${url} HTTP/${httpVersion}`, ...lines].join('\r\n')
}

export function flattenHeaders(incoming: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(incoming.headers)) {
    headers[name] = Array.isArray(value) ? value.join(', ') : (value ?? '')
  }
  return headers
}

/** Reads the whole body, at most 1 MiB. Throws when the client goes away or sends more. */
export async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const bytes of incoming as AsyncIterable<Buffer>) {
    size += bytes.length
    if (size > maxBodyBytes) throw new Error('request body over 1 MiB')
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

export function parseBody(contentType: string, rawBody: string): { form: Record<string, string>; repeated: string[] } {
  if (contentType.startsWith('application/x-www-form-urlencoded')) return parsePairs(new URLSearchParams(rawBody))
  if (contentType.startsWith('application/json')) return { form: parseFlatJson(rawBody), repeated: [] }
  return { form: {}, repeated: [] }
}

export function parsePairs(pairs: URLSearchParams): { form: Record<string, string>; repeated: string[] } {
  const form = emptyForm()
  const repeated: string[] = []
  for (const [name, value] of pairs) {
    if (name in form) repeated.push(name)
    form[name] = value
  }
  return { form, repeated }
}

function parseFlatJson(rawBody: string): Record<string, string> {
  const form = emptyForm()
  let parsed: unknown
  try {
    parsed = JSON.parse(rawBody)
  } catch {
    return form
  }
  if (typeof parsed !== 'object' || parsed === null) return form
  for (const [name, value] of Object.entries(parsed)) if (typeof value === 'string') form[name] = value
  return form
}

// Without a prototype: a parameter called `__proto__` is a parameter.
const emptyForm = (): Record<string, string> => Object.create(null) as Record<string, string>
