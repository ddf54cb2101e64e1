import type { Response } from 'express'
import type { BrokerAnswer } from '../broker-answer.js'

const jsonHeaders = ['content-type', 'retry-after', 'idempotent-replayed'] as const

/** Passes a JSON answer on unparsed. It may hold credentials, so no cache keeps it (RFC 6749 section 5.1). */
export function relayJson(response: Response, { status, headers, body }: BrokerAnswer): void {
  const head: Record<string, number | string | string[]> = {
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    Pragma: 'no-cache',
  }
  for (const name of jsonHeaders) {
    const value = headers[name]
    if (value !== undefined) head[name] = value
  }
  response.writeHead(status, head)
  // Latin-1 is one character per byte: the bytes stay as they are, and head and body leave in one write.
  response.end(body.toString('latin1'), 'latin1')
}

// Connection-level headers (RFC 9110 section 7.6.1), and those this server sets itself.
const notForwarded = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade',
  'content-length', 'date', 'x-request-id', 'server', 'x-powered-by',
]) // prettier-ignore

/** Passes an answer for a browser on as it is: status, Location, cookies, Content-Security-Policy and body. */
export function relayPage(response: Response, answer: BrokerAnswer): void {
  for (const [name, value] of Object.entries(answer.headers))
    if (value !== undefined && !notForwarded.has(name)) response.setHeader(name, value)
  response.writeHead(answer.status, { 'Content-Length': answer.body.length }).end(answer.body)
}

/** Passes the cookies of an answer on whose body is replaced. */
export function relayCookies(response: Response, answer: BrokerAnswer): void {
  const cookies = answer.headers['set-cookie']
  if (cookies !== undefined) response.setHeader('Set-Cookie', cookies)
}
