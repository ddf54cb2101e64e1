import type { UntypedServiceImplementation } from '@grpc/grpc-js'
import { readJsonObject } from '../broker-answer.js'
import { parseConnectionId, parseRequestConnection } from '../input.js'
import type { Operations } from '../operations.js'
import { textOf } from './caller.js'
import { toStruct } from './struct.js'
import type { Unary } from './unary.js'

/** The four methods of both services, over the operations that HTTP serves too. */
export function connectionMethods(operations: Operations, wrap: Unary['wrap']): UntypedServiceImplementation {
  return {
    RequestConnection: wrap(async (context, request, call) => {
      const input = parseRequestConnection(withoutEmptyScopes(request))
      const idempotencyKey = textOf(call.metadata, 'idempotency-key')
      const { spec, isReplay } = await operations.requestConnection(context, input, idempotencyKey)
      const message = {
        auth_url: spec.authUrl,
        state: spec.state,
        scopes: spec.scopes ?? [],
        provider_id: spec.provider_id,
        connection_id: spec.connection_id,
      }
      return isReplay ? { message, headers: { 'idempotent-replayed': 'true' } } : { message }
    }),
    CheckConnection: wrap(async (context, request) => ({
      message: await operations.checkConnection(context, connectionIdOf(request)),
    })),
    GetToken: wrap(async (context, request) => {
      const answer = await operations.getToken(context, connectionIdOf(request))
      return { message: { token: toStruct(readJsonObject(answer)) } }
    }),
    RefreshConnection: wrap(async (context, request) => {
      const answer = await operations.refreshConnection(context, connectionIdOf(request), undefined)
      return { message: { token: toStruct(readJsonObject(answer)) } }
    }),
  }
}

const isObject = (request: unknown): request is Readonly<Record<string, unknown>> =>
  typeof request === 'object' && request !== null

const connectionIdOf = (request: unknown): string =>
  parseConnectionId(isObject(request) ? request.connection_id : undefined)

// proto3 cannot tell an empty list from an absent one; JSON null is how the API says "the provider's default".
function withoutEmptyScopes(request: unknown): unknown {
  if (!isObject(request) || !Array.isArray(request.scopes) || request.scopes.length > 0) return request
  return { ...request, scopes: null }
}
