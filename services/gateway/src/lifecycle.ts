// Owns what the v1 API does with a connection that exists: complete, list, look, update, disconnect, reconnect, widen; for
// both edges.
// Does not own its credentials (operations.ts) or authorisation: the broker decides.
import { ServiceError } from '@dromos/contract'
import type { BrokerAnswer } from './broker-answer.js'
import type { BrokerClient } from './broker-client.js'
import type { CallContext } from './caller.js'

export type Lifecycle = ReturnType<typeof createLifecycle>

/** Filters of a listing as the caller wrote them; the broker judges their values. */
export const listFilters = ['user_id', 'provider_id', 'provider_name', 'status', 'limit', 'cursor'] as const

export type ListFilters = Readonly<Partial<Record<(typeof listFilters)[number], string>>>

type Body = string | Buffer | undefined

/**
 * Every operation throws as those of operations.ts. Connection ids must have passed `parseConnectionId`. Bodies are the
 * caller's own JSON, passed on as they came.
 */
export function createLifecycle(broker: BrokerClient) {
  const ask = (
    context: CallContext,
    operation: string,
    id: string,
    path: string,
    body: Body,
    idempotencyKey?: string,
  ): Promise<BrokerAnswer> =>
    broker.call(context, {
      operation,
      method: 'POST',
      path: `/connections/${id}/${path}`,
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': idempotencyKey },
      body: body ?? '{}',
      repeat: 'once',
    })
  return {
    list: (context: CallContext, filters: ListFilters): Promise<BrokerAnswer> =>
      broker.call(context, {
        operation: 'list_connections',
        method: 'GET',
        path: `/connections${queryOf(filters)}`,
        repeat: 'safe',
      }),

    /** With a link the read starts a consent, so it is not repeated by itself. */
    get: (context: CallContext, id: string, withAuthUrl: string | undefined): Promise<BrokerAnswer> =>
      broker.call(context, {
        operation: 'get_connection',
        method: 'GET',
        path: `/connections/${id}${queryOf({ with_auth_url: withAuthUrl })}`,
        repeat: withAuthUrl === undefined ? 'safe' : 'once',
      }),

    /** Safe to repeat: the same change again changes nothing. */
    update: (context: CallContext, id: string, body: Body): Promise<BrokerAnswer> =>
      broker.call(context, {
        operation: 'update_connection',
        method: 'PATCH',
        path: `/connections/${id}`,
        headers: { 'Content-Type': 'application/json' },
        body: body ?? '{}',
        repeat: 'safe',
      }),

    /** Safe to repeat: a disconnect that was made stays made. */
    disconnect: (context: CallContext, id: string): Promise<BrokerAnswer> =>
      broker.call(context, {
        operation: 'disconnect_connection',
        method: 'DELETE',
        path: `/connections/${id}`,
        repeat: 'safe',
      }),

    /** The broker implements the idempotency key. */
    reconnect: (context: CallContext, id: string, body: Body, idempotencyKey: string | undefined) =>
      ask(context, 'reconnect_connection', id, 'reconnect', body, idempotencyKey),

    /** Its code is good once: it is not repeated by itself. */
    complete: (context: CallContext, id: string, body: Body) =>
      ask(context, 'complete_connection', id, 'complete', body),

    stepUp: (context: CallContext, id: string, body: Body, idempotencyKey: string | undefined) =>
      ask(context, 'step_up_connection', id, 'step-up', body, idempotencyKey),

    proveDpop: (context: CallContext, id: string, body: Body) => ask(context, 'prove_dpop', id, 'dpop-proof', body),
  }
}

function queryOf(members: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(members)) if (value !== undefined) query.set(name, value)
  return query.size === 0 ? '' : `?${query.toString()}`
}

/** A parameter that may stand once. Throws `invalid_request`. */
export function readSingle(query: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = query[name]
  if (value === undefined || typeof value === 'string') return value
  throw new ServiceError('invalid_request', `${name} must be given once`)
}
