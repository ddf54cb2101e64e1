import { errorReasons, ServiceError, toProblem, toServiceError } from '@dromos/contract'
import type { ErrorRequestHandler, RequestHandler } from 'express'
import type { Logger } from '../logger.js'
import { requestIdOf, routeOf } from './request-id.js'

/** Answers every unknown route. */
export const refuseUnknownRoute: RequestHandler = () => {
  throw new ServiceError('route_not_found', 'no such route; see the OpenAPI document of this service')
}

/** Mount with `router.all(path, refuseMethod('GET, POST'))` after a path's handlers: 405 with `Allow` (RFC 9110 15.5.6). */
export const refuseMethod =
  (allow: string): RequestHandler =>
  (_request, response) => {
    response.setHeader('Allow', allow)
    throw new ServiceError('method_not_allowed', `use ${allow}`)
  }

/** The one place that renders an error over HTTP: problem details, `no-store`, `Retry-After`; 5xx are logged with their cause. */
export function answerErrors(log: Logger): ErrorRequestHandler {
  return (thrown: unknown, request, response, next) => {
    const error = fromExpress(thrown) ?? toServiceError(thrown)
    const { http } = errorReasons[error.reason]
    const requestId = requestIdOf(response)
    response.locals.errorReason = error.reason
    if (http >= 500) log.error({ requestId, route: routeOf(request), reason: error.reason, error }, 'request failed')
    if (response.headersSent) return next(error)
    if (error.retryAfterSeconds !== undefined) response.setHeader('Retry-After', String(error.retryAfterSeconds))
    if (error.reason === 'missing_api_key') response.setHeader('WWW-Authenticate', 'Bearer, Basic realm="dromos"')
    response.setHeader('Cache-Control', 'no-store')
    response
      .status(http)
      .type('application/json')
      .send(JSON.stringify(toProblem(error, requestId)))
  }
}

// Errors of express carry a `status`; their messages may quote the input, so none is kept.
function fromExpress(thrown: unknown): ServiceError | undefined {
  if (!(thrown instanceof Error) || thrown instanceof ServiceError) return undefined
  const status = 'status' in thrown ? thrown.status : undefined
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new ServiceError('invalid_request', 'the request could not be read', { cause: thrown })
  return undefined
}
