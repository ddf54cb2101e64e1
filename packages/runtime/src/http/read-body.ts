import { httpLimits, ServiceError } from '@dromos/contract'
import type { Request, RequestHandler, Response } from 'express'
import { tooLarge } from './refuse-large-bodies.js'

// Owns how the bytes of a request reach `request.body`. Does not own what they mean: read-json.ts, read-form.ts.
// Express has readers that can do more. They cost a small body as much as all other middleware together, and every start the
// tables of encodings that we refuse (docs/decisions/0011).

/**
 * A reader of bodies up to `httpLimits.bodyBytes`: `request.body` becomes what `understand` makes of the bytes; without a body
 * (RFC 9112 section 6.3) nothing happens. Throws `unsupported_media_type` for a content encoding, `payload_too_large`,
 * `request_cancelled`, and what `understand` throws.
 */
export function bodyReader(understand: (bytes: Buffer, contentType: string) => unknown): RequestHandler {
  return async (request, response, next) => {
    const { headers } = request
    if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) {
      refuseEncoded(headers['content-encoding'])
      const bytes = await collect(request, response)
      request.body = understand(bytes, headers['content-type'] ?? '')
    }
    next()
  }
}

/** Leaves the body as it came, for those who pass it on. */
export const readBytes: RequestHandler = bodyReader((bytes) => bytes)

function refuseEncoded(encoding: string | undefined): void {
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw new ServiceError('unsupported_media_type', 'send the body without content encoding')
}

function collect(request: Request, response: Response): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const take = (chunk: Buffer): void => {
      length += chunk.length
      if (length <= httpLimits.bodyBytes) return void chunks.push(chunk)
      request.off('data', take) // the rest is dropped as it comes, until the answer ends the connection
      reject(tooLarge(response))
    }
    const isOver = () => new ServiceError('request_cancelled', 'the request ended early')
    // Its caller may have gone while others looked at the head: then no further event comes.
    if (request.destroyed && !request.readableEnded) return reject(isOver())
    request.on('data', take)
    request.on('end', () => {
      const [first] = chunks
      resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, length))
    })
    request.on('close', () => {
      if (!request.readableEnded) reject(isOver())
    })
  })
}

const namedCharset = /;\s*charset\s*=\s*"?([^\s;"]+)/i
const utf8 = new TextDecoder() // takes a byte order mark off

/** Text in UTF-8, the one encoding of JSON (RFC 8259 section 8.1) and of our forms. Throws `unsupported_media_type`. */
export function readText(bytes: Buffer, contentType: string): string {
  const charset = contentType.includes(';') ? namedCharset.exec(contentType)?.[1] : undefined
  if (charset !== undefined && !/^utf-?8$/i.test(charset))
    throw new ServiceError('unsupported_media_type', 'send the body in UTF-8')
  return utf8.decode(bytes)
}
