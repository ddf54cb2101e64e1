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
      const input = parseRequestConnection(withoutEmptyFields(request))
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
      const answer = await operations.getToken(context, connectionIdOf(request), undefined)
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

// proto3 cannot tell an empty field from an absent one; both edges then mean "the provider's default" and "ask the person".
function withoutEmptyFields(request: unknown): unknown {
  if (!isObject(request)) return request
  const { scopes, variables } = request
  const isEmpty = (value: unknown): boolean => isObject(value) && Object.keys(value).length === 0
  return { ...request, scopes: isEmpty(scopes) ? null : scopes, variables: isEmpty(variables) ? null : variables }
}
