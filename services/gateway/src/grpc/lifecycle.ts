import type { Metadata, UntypedServiceImplementation } from '@grpc/grpc-js'
import { type BrokerAnswer, readJsonObject } from '../broker-answer.js'
import { type Lifecycle, type ListFilters, listFilters } from '../lifecycle.js'
import { textOf } from './caller.js'
import { connectionIdOf, isObject } from './message.js'
import type { Unary } from './unary.js'

/** The life of a connection after its first consent, over the operations that HTTP serves too. */
export function lifecycleMethods(lifecycle: Lifecycle, wrap: Unary['wrap']): UntypedServiceImplementation {
  return {
    ListConnections: wrap(async (context, request) => {
      const page = readJsonObject(await lifecycle.list(context, filtersOf(request)))
      const data = Array.isArray(page.data) ? page.data.map(toConnection) : []
      return { message: { ...page, data } }
    }),
    GetConnection: wrap(async (context, request) => {
      const wantsLink = isObject(request) && request.with_auth_url === true ? 'true' : undefined
      const answer = await lifecycle.get(context, connectionIdOf(request), wantsLink)
      return { message: toConnection(readJsonObject(answer)) }
    }),
    UpdateConnection: wrap(async (context, request) => {
      const answer = await lifecycle.update(context, connectionIdOf(request), JSON.stringify(changeOf(request)))
      return { message: toConnection(readJsonObject(answer)) }
    }),
    DisconnectConnection: wrap(async (context, request) => ({
      message: toConnection(readJsonObject(await lifecycle.disconnect(context, connectionIdOf(request)))),
    })),
    CompleteConnection: wrap(async (context, request) => {
      const answer = await lifecycle.complete(context, connectionIdOf(request), JSON.stringify(bodyOf(request)))
      return { message: toConnection(readJsonObject(answer)) }
    }),
    ReconnectConnection: wrap(async (context, request, call) => {
      const { allow_account_change, ...body } = bodyOf(request)
      const change = allow_account_change === true ? { allow_account_change } : {}
      const text = JSON.stringify({ ...body, ...change })
      return toReply(await lifecycle.reconnect(context, connectionIdOf(request), text, keyOf(call)))
    }),
    StepUpConnection: wrap(async (context, request, call) => {
      const text = JSON.stringify(bodyOf(request))
      return toReply(await lifecycle.stepUp(context, connectionIdOf(request), text, keyOf(call)))
    }),
    CreateDpopProof: wrap(async (context, request) => {
      const answer = await lifecycle.proveDpop(context, connectionIdOf(request), JSON.stringify(bodyOf(request)))
      return { message: readJsonObject(answer) }
    }),
  }
}

// The JSON members are the fields of the message; the encoder leaves null out. One name is older than the others.
const toConnection = (item: unknown): object => (isObject(item) ? { ...item, auth_url: item.authUrl } : {})

function toReply(answer: BrokerAnswer): { message: object; headers?: Record<string, string> } {
  const { authUrl, ...rest } = readJsonObject(answer)
  const message = { ...rest, auth_url: authUrl }
  const isReplay = answer.headers['idempotent-replayed'] === 'true'
  return isReplay ? { message, headers: { 'idempotent-replayed': 'true' } } : { message }
}

const keyOf = ({ metadata }: { metadata: Metadata }): string | undefined => textOf(metadata, 'idempotency-key')

// proto3 cannot tell an empty field from an absent one: both do not filter.
function filtersOf(request: unknown): ListFilters {
  if (!isObject(request)) return {}
  const given = listFilters.flatMap((name) => {
    const value = request[name]
    const isGiven = (typeof value === 'string' && value !== '') || (typeof value === 'number' && value > 0)
    return isGiven ? [[name, String(value)] as const] : []
  })
  return Object.fromEntries(given)
}

/** An absent field stays absent; an empty one is the null of the HTTP edge: back to the default. */
function changeOf(request: unknown): Record<string, unknown> {
  const schedule = isObject(request) ? request.refresh_schedule : undefined
  return { refresh_schedule: schedule === '' ? null : schedule }
}

/** The message as the JSON body of the HTTP edge; an empty field means the default there too. */
function bodyOf(request: unknown): Record<string, unknown> {
  if (!isObject(request)) return {}
  const isEmpty = (value: unknown): boolean => value === '' || (Array.isArray(value) && value.length === 0)
  return Object.fromEntries(
    Object.entries(request).filter(([name, value]) => name !== 'connection_id' && !isEmpty(value)),
  )
}
