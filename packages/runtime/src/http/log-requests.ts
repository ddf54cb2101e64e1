import type { RequestHandler } from 'express'
import type { Logger } from '../logger.js'
import { requestIdOf, routeOf } from './request-id.js'

export type FinishedRequest = { method: string; route: string; status: number; durationSeconds: number }

/**
 * One log line per request when it ends, and one call of `observe` for the metrics. The line names the route pattern, never
 * the URL: paths hold ids, queries hold authorization codes.
 */
export function logRequests(log: Logger, observe: (finished: FinishedRequest) => void): RequestHandler {
  return (request, response, next) => {
    const startedAtMs = performance.now()
    response.on('close', () => {
      const durationSeconds = Math.round((performance.now() - startedAtMs) * 1000) / 1e6
      const isAnswered = response.writableFinished
      const status = isAnswered ? response.statusCode : 499
      const { method } = request
      const route = routeOf(request)
      observe({ method, route, status, durationSeconds })
      // Undefined is left out of the line.
      const reason: unknown = isAnswered ? response.locals.errorReason : 'request_cancelled'
      log.info({ requestId: requestIdOf(response), method, route, status, durationSeconds, reason }, 'request')
    })
    next()
  }
}
