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

// Errors of express and its body parser carry `type` and `status`; their messages may quote the input, so none is kept.
function fromExpress(thrown: unknown): ServiceError | undefined {
  if (!(thrown instanceof Error) || thrown instanceof ServiceError) return undefined
  const type = 'type' in thrown ? thrown.type : undefined
  const status = 'status' in thrown ? thrown.status : undefined
  if (type === 'entity.too.large') return new ServiceError('payload_too_large', 'send at most 64 KiB')
  if (type === 'entity.parse.failed') return new ServiceError('invalid_json', 'the body is not valid JSON')
  if (type === 'charset.unsupported' || type === 'encoding.unsupported')
    return new ServiceError('unsupported_media_type', 'send UTF-8 JSON without content encoding')
  if (type === 'request.aborted') return new ServiceError('request_cancelled', 'the request ended early')
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new ServiceError('invalid_request', 'the request could not be read', { cause: thrown })
  return undefined
}
