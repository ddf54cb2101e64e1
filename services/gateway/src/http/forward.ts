import { ServiceError } from '@dromos/contract'
import { isForm, readBytes } from '@dromos/runtime'
import type { Request } from 'express'
import type { BrokerClient } from '../broker-client.js'
import type { ContextReader } from './call-context.js'
import { relayPage } from './relay.js'
import type { Route } from './routes.js'

type Row = Readonly<{ method: Route['method']; path: string; brokerPath: string; operation: string }>

/**
 * Public path → broker path, for browsers: method, query, cookies and body go in as they are, the answer comes out as it
 * is, redirects are not followed. A broker route is made public by adding its row.
 */
const rows: readonly Row[] = [
  { method: 'GET', path: '/auth/callback', brokerPath: '/auth/callback', operation: 'callback' },
  { method: 'GET', path: '/auth/callback/:provider', brokerPath: '/auth/callback/:provider', operation: 'callback' },
  { method: 'GET', path: '/auth/jwks/:provider_id', brokerPath: '/auth/jwks/:provider_id', operation: 'client_keys' },
  { method: 'GET', path: '/auth/start/:ticket', brokerPath: '/auth/start/:ticket', operation: 'start' },
  { method: 'GET', path: '/auth/connect/:ticket', brokerPath: '/auth/connect/:ticket', operation: 'open_form' },
  { method: 'POST', path: '/auth/connect/:ticket', brokerPath: '/auth/connect/:ticket', operation: 'submit_form' },
]

export function forwardRoutes(broker: BrokerClient, contexts: ContextReader): Route[] {
  return rows.map(({ method, path, brokerPath, operation }) => ({
    method,
    path,
    ...(method === 'POST' ? { body: readBytes } : {}),
    async handle(request, response) {
      const target = fillPath(brokerPath, request.params) + queryOf(request)
      const answer = await broker.exchange(contexts.browser(request, response), {
        operation,
        method,
        path: target,
        headers: browserHeaders(request),
        ...(method === 'POST' ? { body: readFormBody(request) } : {}),
        // A callback spends an authorization code and a form creates a connection: neither may be sent twice.
        repeat: 'once',
      })
      relayPage(response, answer)
    },
  }))
}

// What the broker needs to bind a consent to one browser and to tell a form of its own page from a foreign one.
const forwardedHeaders = [
  'accept', 'accept-language', 'content-type', 'cookie', 'origin', 'referer', 'sec-fetch-dest', 'sec-fetch-mode',
  'sec-fetch-site', 'sec-fetch-user',
] as const // prettier-ignore

/** The browser's headers that matter to the broker; everything else, credentials first of all, stays here. */
export function browserHeaders(request: Request): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of forwardedHeaders) {
    const value = request.get(name)
    if (value !== undefined) headers[name] = value
  }
  return headers
}

/** The raw query with its question mark: an authorization response must arrive byte for byte. */
export function queryOf(request: Request): string {
  const at = request.originalUrl.indexOf('?')
  return at === -1 ? '' : request.originalUrl.slice(at)
}

const formats: Readonly<Record<string, RegExp>> = {
  ticket: /^[A-Za-z0-9_.~-]{8,2048}$/,
  provider: /^[a-z0-9-]{1,100}$/,
  provider_id: /^[0-9a-f-]{36}$/i,
}

const fillPath = (brokerPath: string, params: Request['params']): string =>
  brokerPath.replace(/:([a-z_]+)/g, (_whole, name: string) => {
    const value = params[name]
    if (typeof value === 'string' && formats[name]?.test(value) === true) return value
    throw new ServiceError('route_not_found', 'this link is not complete; open it again from where you got it')
  })

function readFormBody(request: Request): Buffer {
  if (Buffer.isBuffer(request.body) && isForm(request.headers['content-type'] ?? '')) return request.body
  throw new ServiceError('unsupported_media_type', 'send the form as application/x-www-form-urlencoded')
}
