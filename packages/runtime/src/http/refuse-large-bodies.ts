import { httpLimits, ServiceError } from '@dromos/contract'
import type { RequestHandler, Response } from 'express'

/**
 * Refuses an announced body above `httpLimits.bodyBytes` before a byte of it is read, and closes the connection: the rest would
 * have to be read first, to be thrown away. Throws `payload_too_large`.
 */
export const refuseLargeBodies: RequestHandler = ({ headers }, response, next) => {
  if (Number(headers['content-length'] ?? 0) > httpLimits.bodyBytes) throw tooLarge(response)
  next()
}

/** The refusal of a body that is too large; the connection ends with its answer. */
export function tooLarge(response: Response): ServiceError {
  response.setHeader('Connection', 'close')
  return new ServiceError('payload_too_large', 'send at most 64 KiB')
}
