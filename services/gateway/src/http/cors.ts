import type { RequestHandler } from 'express'

export type CorsRules = {
  /** Names the calling page's origin on the answer when it is allowed. */
  allowOrigin: RequestHandler
  /** Answers a preflight from an allowed origin with the methods the path has; leaves all other OPTIONS to the next handler. */
  answerPreflight(methods: readonly string[]): RequestHandler
}

const requestHeaders = 'Accept, Authorization, Content-Type, Idempotency-Key, X-API-Key, X-Request-Id, traceparent'
const exposedHeaders = 'Idempotent-Replayed, Retry-After, X-Request-Id'
const preflightMaxAgeSeconds = 300

/**
 * Cross-origin rules (Fetch standard) for the /v1 paths. Only origins of the list, compared whole; with none, no header is
 * ever sent. Cookies are allowed to listed origins because the credential form of an application may be bound to one.
 */
export function createCors(origins: readonly string[]): CorsRules {
  const isAllowed = (origin: string | undefined, path: string): boolean =>
    origin !== undefined && path.startsWith('/v1/') && origins.includes(origin)
  return {
    allowOrigin(request, response, next) {
      if (origins.length > 0) response.vary('Origin')
      const origin = request.headers.origin
      if (origin !== undefined && isAllowed(origin, request.path)) {
        response.setHeader('Access-Control-Allow-Origin', origin)
        response.setHeader('Access-Control-Allow-Credentials', 'true')
        response.setHeader('Access-Control-Expose-Headers', exposedHeaders)
      }
      next()
    },
    answerPreflight: (methods) => (request, response, next) => {
      if (!isAllowed(request.headers.origin, request.path)) return next()
      response.setHeader('Access-Control-Allow-Methods', methods.join(', '))
      response.setHeader('Access-Control-Allow-Headers', requestHeaders)
      response.setHeader('Access-Control-Max-Age', String(preflightMaxAgeSeconds))
      response.status(204).end()
    },
  }
}
