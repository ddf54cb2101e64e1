import type { Request, RequestHandler, Response } from 'express'
import type { Logger } from '../logger.js'
import { requestIdOf, routeOf } from './request-id.js'

export type FinishedRequest = { method: string; route: string; status: number; durationSeconds: number }

/**
 * One log line per request when it ends, and one call of `observe` for the metrics. The line names the route pattern, never
 * the URL: paths hold ids, queries hold authorization codes.
 */
export function logRequests(
  log: Logger,
  observe: (finished: FinishedRequest) => void,
  describe: (request: Request, response: Response) => Record<string, unknown> = () => ({}),
): RequestHandler {
  return (request, response, next) => {
    const startedAt = process.hrtime.bigint()
    response.once('close', () => {
      const durationSeconds = Number(process.hrtime.bigint() - startedAt) / 1e9
      const status = response.writableFinished ? response.statusCode : 499
      const finished = { method: request.method, route: routeOf(request), status, durationSeconds }
      observe(finished)
      log.info(
        {
          requestId: requestIdOf(response),
          ...finished,
          ...(response.locals.errorReason === undefined ? {} : { reason: response.locals.errorReason }),
          ...describe(request, response),
        },
        'request',
      )
    })
    next()
  }
}
