import { refuseMethod } from '@dromos/runtime'
import type { Request, RequestHandler, Response, Router } from 'express'
import type { CorsRules } from './cors.js'

/** One row per method and path; openapi.yaml documents the same rows (a test compares). */
export type Route = Readonly<{
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** An express pattern: `/v1/token/:connection_id`. */
  path: string
  /** Reads the body before `handle`. */
  body?: RequestHandler
  handle: (request: Request, response: Response) => void | Promise<void>
}>

const mount = { GET: 'get', POST: 'post', PATCH: 'patch', DELETE: 'delete' } as const

/** Mounts the rows; every other method of a known path answers 405 with `Allow` (RFC 9110 section 15.5.6). */
export function mountRoutes(router: Router, routes: readonly Route[], cors: CorsRules): void {
  const paths = [...new Set(routes.map((route) => route.path))]
  for (const path of paths) {
    const rows = routes.filter((route) => route.path === path)
    const methods = rows.map((route) => route.method)
    const refuse = refuseMethod(methods.join(', '))
    // Express runs a GET handler for HEAD. On these paths a GET is audited or spends a code: link scanners must not do so.
    if (/^\/(v1|auth)\//.test(path)) router.head(path, refuse)
    for (const { method, body, handle } of rows) {
      const handlers = body === undefined ? [handle] : [body, handle]
      router[mount[method]](path, ...handlers)
    }
    router.options(path, cors.answerPreflight(methods))
    router.all(path, refuse)
  }
}
