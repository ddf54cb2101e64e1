import { readBytes, readJson, sendJson } from '@dromos/runtime'
import { parseConnectionId, parseRequestConnection } from '../input.js'
import { readSingle } from '../lifecycle.js'
import type { Operations } from '../operations.js'
import type { ContextReader } from './call-context.js'
import { relayJson } from './relay.js'
import type { Route } from './routes.js'

/** The v1 API: every route needs a caller's key. */
export function connectionRoutes(operations: Operations, contexts: ContextReader): Route[] {
  const listProviders: Route['handle'] = async (request, response) =>
    relayJson(response, await operations.listProviders(contexts.caller(request, response)))
  return [
    {
      method: 'POST',
      path: '/v1/request-connection',
      body: readJson,
      async handle(request, response) {
        const context = contexts.caller(request, response)
        const input = parseRequestConnection(request.body)
        const { answer } = await operations.requestConnection(context, input, request.get('idempotency-key'))
        relayJson(response, answer)
      },
    },
    {
      method: 'GET',
      path: '/v1/check-connection/:connection_id',
      async handle(request, response) {
        const context = contexts.caller(request, response)
        const id = parseConnectionId(request.params.connection_id)
        sendJson(response, 200, await operations.checkConnection(context, id))
      },
    },
    {
      method: 'GET',
      path: '/v1/token/:connection_id',
      async handle(request, response) {
        const context = contexts.caller(request, response)
        const id = parseConnectionId(request.params.connection_id)
        relayJson(response, await operations.getToken(context, id, readSingle(request.query, 'min_ttl')))
      },
    },
    {
      method: 'POST',
      path: '/v1/refresh/:connection_id',
      body: readBytes, // optional and not ours
      async handle(request, response) {
        const context = contexts.caller(request, response)
        const id = parseConnectionId(request.params.connection_id)
        const body = Buffer.isBuffer(request.body) && request.body.length > 0 ? request.body : undefined
        relayJson(response, await operations.refreshConnection(context, id, body))
      },
    },
    { method: 'GET', path: '/v1/providers', handle: listProviders },
    { method: 'GET', path: '/v1/providers/metadata', handle: listProviders },
  ]
}
