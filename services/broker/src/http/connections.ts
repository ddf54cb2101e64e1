import { ServiceError } from '@dromos/contract'
import { readJson, refuseMethod, sendJson } from '@dromos/runtime'
import { Router } from 'express'
import * as z from 'zod'
import { describeConnection } from '../domain/connection.js'
import { expirySkewMs } from '../domain/credentials.js'
import { isConnectionId } from '../domain/ids.js'
import type { Ports } from '../flows/ports/ports.js'
import { readToken, refreshNow } from '../flows/read-token.js'
import type { Refresher } from '../flows/refresh-token.js'
import { actorOf, callerAs } from './guard.js'
import { parseInput, singleQuery } from './input.js'

type ConnectionPorts = Pick<Ports, 'now' | 'connections' | 'vault' | 'report' | 'usage'> & { refresher: Refresher }

const refreshBody = z.object({ if_version: z.int().min(0).optional() })

/** Reads of one connection: status, token, forced refresh. All guarded; the tenant comes from the caller. */
export function connectionsRouter(ports: ConnectionPorts): Router {
  const router = Router()

  router
    .route('/connections/:connectionId/status')
    .get(async (request, response) => {
      const caller = callerAs(response, 'agent')
      const { connectionId } = request.params
      if (!isConnectionId(connectionId)) throw new ServiceError('invalid_connection_id', 'not a connection id')
      const view = await ports.connections.view({ tenantId: caller.tenantId, connectionId })
      if (view === undefined) throw new ServiceError('connection_not_found', 'no such connection')
      sendJson(response, 200, { ...describeConnection(view), reason: view.reason ?? null })
    })
    .all(refuseMethod('GET'))

  router
    .route('/connections/:connectionId/token')
    .get(async (request, response) => {
      const caller = callerAs(response, 'agent')
      const minTtlMs = minTtl(singleQuery(request.query, 'min_ttl'))
      const payload = await readToken(ports, caller, actorOf(response), request.params.connectionId, { minTtlMs })
      sendJson(response, 200, payload)
    })
    .all(refuseMethod('GET'))

  router
    .route('/connections/:connectionId/refresh')
    .post(readJson, async (request, response) => {
      const caller = callerAs(response, 'agent')
      // S clients post nothing at all.
      const body = parseInput(refreshBody, request.body ?? {})
      const options = { ifVersion: body.if_version }
      const payload = await refreshNow(ports, caller, actorOf(response), request.params.connectionId, options)
      sendJson(response, 200, payload)
    })
    .all(refuseMethod('POST'))

  return router
}

const longestMinTtlSeconds = 3600

function minTtl(text: string | undefined): number {
  if (text === undefined) return expirySkewMs
  const seconds = Number(text)
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > longestMinTtlSeconds)
    throw new ServiceError('invalid_request', `min_ttl: give whole seconds from 0 to ${longestMinTtlSeconds}`)
  return Math.max(seconds * 1000, expirySkewMs)
}
