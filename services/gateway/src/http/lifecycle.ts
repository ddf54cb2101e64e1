import { readBytes } from '@dromos/runtime'
import type { Request } from 'express'
import { parseConnectionId } from '../input.js'
import { type Lifecycle, type ListFilters, listFilters, readSingle } from '../lifecycle.js'
import type { ContextReader } from './call-context.js'
import { relayJson } from './relay.js'
import type { Route } from './routes.js'

const path = '/v1/connections/:connection_id'

/** The life of a connection after its first consent: every route needs a caller's key. Bodies are passed on as they came. */
export function lifecycleRoutes(lifecycle: Lifecycle, contexts: ContextReader): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/connections',
      async handle(request, response) {
        const context = contexts.caller(request, response)
        relayJson(response, await lifecycle.list(context, readFilters(request)))
      },
    },
    {
      method: 'GET',
      path,
      async handle(request, response) {
        const context = contexts.caller(request, response)
        const id = parseConnectionId(request.params.connection_id)
        relayJson(response, await lifecycle.get(context, id, readSingle(request.query, 'with_auth_url')))
      },
    },
    {
      method: 'PATCH',
      path,
      body: readBytes,
      async handle(request, response) {
        const context = contexts.caller(request, response)
        const id = parseConnectionId(request.params.connection_id)
        relayJson(response, await lifecycle.update(context, id, bodyOf(request)))
      },
    },
    {
      method: 'DELETE',
      path,
      async handle(request, response) {
        const context = contexts.caller(request, response)
        relayJson(response, await lifecycle.disconnect(context, parseConnectionId(request.params.connection_id)))
      },
    },
    ...(['reconnect', 'step-up', 'complete', 'dpop-proof'] as const).map((verb): Route => ({
      method: 'POST',
      path: `${path}/${verb}`,
      body: readBytes,
      async handle(request, response) {
        const context = contexts.caller(request, response)
        const id = parseConnectionId(request.params.connection_id)
        const key = request.get('idempotency-key')
        relayJson(response, await lifecycle[operationOf[verb]](context, id, bodyOf(request), key))
      },
    })),
  ]
}

const operationOf = {
  reconnect: 'reconnect',
  'step-up': 'stepUp',
  complete: 'complete',
  'dpop-proof': 'proveDpop',
} as const

function readFilters(request: Request): ListFilters {
  const entries = listFilters.flatMap((name) => {
    const value = readSingle(request.query, name)
    return value === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(entries)
}

const bodyOf = (request: Request): Buffer | undefined =>
  Buffer.isBuffer(request.body) && request.body.length > 0 ? request.body : undefined
