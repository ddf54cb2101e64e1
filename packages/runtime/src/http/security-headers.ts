import type { RequestHandler } from 'express'

/** Headers every answer carries; pages add their own Content-Security-Policy. */
export const sendSecurityHeaders: RequestHandler = (_request, response, next) => {
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.setHeader('Referrer-Policy', 'no-referrer')
  next()
}
