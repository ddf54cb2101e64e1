import { httpLimits, ServiceError } from '@dromos/contract'
import type { RequestHandler } from 'express'

/**
 * Refuses an announced body above `httpLimits.bodyBytes` before a byte of it is read, and closes the connection: the body
 * parser would read all of it first, to throw it away. Throws `payload_too_large`.
 */
export const refuseLargeBodies: RequestHandler = (request, response, next) => {
  if (Number(request.headers['content-length'] ?? 0) > httpLimits.bodyBytes) {
    response.setHeader('Connection', 'close')
    throw new ServiceError('payload_too_large', 'send at most 64 KiB')
  }
  next()
}
