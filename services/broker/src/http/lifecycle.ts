import { type ConnectionItem, type ConnectionPage, ServiceError, toServiceError } from '@dromos/contract'
import { readJson, refuseMethod } from '@dromos/runtime'
import { type Request, type RequestHandler, type Response, Router } from 'express'
import * as z from 'zod'
import { listedStatuses, needsPerson, toConnectionItem } from '../domain/connection-details.js'
import { isConnectionId, isProviderId } from '../domain/ids.js'
import { schedulePolicies } from '../domain/provider-profile.js'
import { completeConnection } from '../flows/complete-connection.js'
import { disconnectConnection } from '../flows/disconnect-connection.js'
import type { ConsentSettings } from '../flows/open-consent.js'
import type { ConnectionQuery } from '../flows/ports/connections.js'
import type { Ports } from '../flows/ports/ports.js'
import {
  findDetails,
  reconnectConnection,
  type ReconnectPorts,
  type ReconnectWish,
} from '../flows/reconnect-connection.js'
import type { Revoker } from '../flows/revocation-worker.js'
import { updateConnection } from '../flows/update-connection.js'
import { actorOf, callerAs } from './guard.js'
import { answerOnce } from './idempotent.js'
import { completionChallenge, parseInput, singleQuery } from './input.js'
import { readCursor, readLimit } from './paging.js'

// Owns the life of a connection after its first consent: complete, list, look, update, reconnect, widen, disconnect.
// Does not own its credentials (connections.ts) or the person's way through a consent (consent.ts).

type LifecyclePorts = ReconnectPorts &
  Pick<Ports, 'revocations' | 'schedule' | 'completions' | 'vault' | 'idempotency' | 'announce'> & { revoker: Revoker }

const scope = z.string().min(1).max(256)
const updateBody = z.strictObject({ refresh_schedule: z.enum(schedulePolicies).nullable() })
const reconnectBody = z.object({
  return_url: z.string().min(1).optional(),
  scopes: z.array(scope).max(200).nullish(),
  allow_account_change: z.boolean().optional(),
  completion_challenge: completionChallenge,
})
const stepUpBody = z.object({
  scopes: z.array(scope).min(1).max(200),
  return_url: z.string().min(1).optional(),
  completion_challenge: completionChallenge,
})
const completeBody = z.object({
  connect_code: z.string().min(1).max(256),
  user_id: z.string().min(1).max(255),
  // RFC 7636 section 4.1
  completion_verifier: z.string().regex(/^[A-Za-z0-9._~-]{43,128}$/, '43 to 128 characters of A-Z, a-z, 0-9, -._~'),
})

/** All guarded; the tenant comes from the caller. */
export function lifecycleRouter(ports: LifecyclePorts, settings: ConsentSettings): Router {
  const router = Router()

  router
    .route('/connections')
    .get(async (request, response) => {
      const caller = callerAs(response, 'agent')
      const wanted = { ...readFilters(request.query), tenantId: caller.tenantId }
      const items = (await ports.connections.list({ ...wanted, limit: wanted.limit + 1 })).map(toConnectionItem)
      response.set('Cache-Control', 'no-store').json(toPage(items, wanted.limit))
    })
    .all(refuseMethod('GET'))

  router
    .route('/connections/:connectionId')
    .get(async (request, response) => {
      const caller = callerAs(response, 'agent')
      const { connectionId } = request.params
      const wantsLink = readFlag(request.query, 'with_auth_url')
      const details = await findDetails(ports, caller, connectionId)
      const item = toConnectionItem(details)
      // A read makes nothing by itself: a link is a new consent, so it has to be asked for.
      const reconnect = () => reconnectConnection(ports, settings, caller, actorOf(response), connectionId, sameAgain)
      const link = wantsLink && needsPerson(details) ? await linkOr(item.detail, reconnect) : {}
      sendItem(response, { ...item, ...link })
    })
    .patch(readJson, async (request, response) => {
      const caller = callerAs(response, 'agent')
      const body = parseInput(updateBody, request.body)
      const details = await updateConnection(ports, caller, actorOf(response), request.params.connectionId, {
        refreshSchedule: body.refresh_schedule ?? undefined,
      })
      sendItem(response, toConnectionItem(details))
    })
    .delete(async (request, response) => {
      const caller = callerAs(response, 'agent')
      const details = await disconnectConnection(ports, caller, actorOf(response), request.params.connectionId)
      sendItem(response, toConnectionItem(details))
    })
    .all(refuseMethod('GET, PATCH, DELETE'))

  /** A further consent of the same connection, for what the body wishes. */
  const renew =
    (readWish: (body: unknown) => ReconnectWish): RequestHandler<{ connectionId: string }> =>
    async (request, response) => {
      const caller = callerAs(response, 'agent')
      const wish = readWish(request.body ?? {})
      await answerOnce(ports, request, response, caller, wish, () =>
        reconnectConnection(ports, settings, caller, actorOf(response), request.params.connectionId, wish),
      )
    }
  router.route('/connections/:connectionId/reconnect').post(readJson, renew(readReconnect)).all(refuseMethod('POST'))
  router.route('/connections/:connectionId/step-up').post(readJson, renew(readStepUp)).all(refuseMethod('POST'))

  router
    .route('/connections/:connectionId/complete')
    .post(readJson, async (request, response) => {
      const caller = callerAs(response, 'agent')
      const body = parseInput(completeBody, request.body ?? {})
      const details = await completeConnection(ports, caller, actorOf(response), request.params.connectionId, {
        connectCode: body.connect_code,
        userId: body.user_id,
        completionVerifier: body.completion_verifier,
      })
      sendItem(response, toConnectionItem(details))
    })
    .all(refuseMethod('POST'))

  return router
}

const sendItem = (response: Response, item: ConnectionItem): void =>
  void response.set('Cache-Control', 'no-store').json(item)

function readReconnect(body: unknown): ReconnectWish {
  const input = parseInput(reconnectBody, body)
  return {
    scopes: { kind: 'renew', scopes: input.scopes ?? undefined },
    returnUrl: input.return_url,
    allowsAccountChange: input.allow_account_change ?? false,
    completionChallenge: input.completion_challenge,
  }
}

function readStepUp(body: unknown): ReconnectWish {
  const input = parseInput(stepUpBody, body)
  return {
    scopes: { kind: 'widen', scopes: input.scopes },
    returnUrl: input.return_url,
    allowsAccountChange: false,
    completionChallenge: input.completion_challenge,
  }
}

/**
 * A fresh link; or, where one takes what only the caller has (a `completion_challenge`), the state's `detail` with that
 * said: who looks at a connection is answered what it is all the same.
 */
async function linkOr(
  detail: string,
  reconnect: () => Promise<{ authUrl: string }>,
): Promise<{ authUrl: string } | { detail: string }> {
  try {
    return { authUrl: (await reconnect()).authUrl }
  } catch (error) {
    const { reason, message } = toServiceError(error)
    if (reason !== 'missing_fields') throw error
    return { detail: `${detail}; without authUrl: the reconnect takes what a GET has no place for, ${message}` }
  }
}

const sameAgain: ReconnectWish = {
  scopes: { kind: 'renew', scopes: undefined },
  returnUrl: undefined,
  allowsAccountChange: false,
  completionChallenge: undefined,
}

const pageSize = { byDefault: 50, max: 200 }

function readFilters(query: Request['query']): Omit<ConnectionQuery, 'tenantId'> {
  const providerId = singleQuery(query, 'provider_id')
  const providerName = singleQuery(query, 'provider_name')
  if (providerId !== undefined && !isProviderId(providerId))
    throw new ServiceError('invalid_provider_id', 'provider_id is not a provider id (a UUID)')
  const status = singleQuery(query, 'status')
  const known = listedStatuses.find((each) => each === status)
  if (status !== undefined && known === undefined)
    throw new ServiceError('invalid_request', `status: one of ${listedStatuses.join(', ')}`)
  return {
    userId: singleQuery(query, 'user_id'),
    provider:
      providerId !== undefined ? { id: providerId } : providerName !== undefined ? { name: providerName } : undefined,
    status: known,
    after: readCursor(query, isConnectionId),
    limit: readLimit(query, pageSize),
  }
}

/** Cuts a page out of what was read: one item more than the limit says that there are more. */
function toPage(items: readonly ConnectionItem[], limit: number): ConnectionPage {
  const data = items.slice(0, limit)
  const hasMore = items.length > limit
  return { data, next_cursor: hasMore ? (data.at(-1)?.connection_id ?? null) : null, has_more: hasMore }
}

function readFlag(query: Request['query'], name: string): boolean {
  const text = singleQuery(query, name)
  if (text !== undefined && text !== 'true' && text !== 'false')
    throw new ServiceError('invalid_request', `${name}: true or false`)
  return text === 'true'
}
