import type { Response } from 'express'

/**
 * Sends an answer of the API: head and body in one write, without what express would work out again. It may hold
 * credentials, so no cache keeps it (RFC 6749 section 5.1).
 */
export function sendJson(response: Response, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    Pragma: 'no-cache',
  })
  response.end(text)
}
