import { randomUUID } from 'node:crypto'
import type { Request, RequestHandler, Response } from 'express'

const acceptable = /^[A-Za-z0-9._-]{8,64}$/

/** The id a caller gave when it is well-formed, else a new one. */
export const chooseRequestId = (given: string | undefined): string =>
  given !== undefined && acceptable.test(given) ? given : randomUUID()

/** Accepts a well-formed `X-Request-Id` or makes one, and echoes it. Anything else in the header is ignored, not logged. */
export const assignRequestId: RequestHandler = (request, response, next) => {
  const id = chooseRequestId(request.get('x-request-id'))
  response.locals.requestId = id
  response.setHeader('X-Request-Id', id)
  next()
}

/** The id given by `assignRequestId`. */
export const requestIdOf = (response: Response): string =>
  typeof response.locals.requestId === 'string' ? response.locals.requestId : 'unassigned'

/** The route pattern of a request (`/v1/token/:connectionId`), bounded in number, or `unmatched`. */
export const routeOf = (request: Request): string => {
  const route = request.route as { path?: unknown } | undefined
  return typeof route?.path === 'string' ? request.baseUrl + route.path : 'unmatched'
}
