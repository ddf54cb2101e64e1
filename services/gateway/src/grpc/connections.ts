import type { UntypedServiceImplementation } from '@grpc/grpc-js'
import { readJsonObject } from '../broker-answer.js'
import { parseRequestConnection } from '../input.js'
import type { Operations } from '../operations.js'
import { textOf } from './caller.js'
import { connectionIdOf, isObject } from './message.js'
import { encodeTokenMessage } from './struct.js'
import type { Unary } from './unary.js'

/** Methods whose message leaves the handler as bytes. */
export const encodedMethods = ['GetToken', 'RefreshConnection'] as const

/** Consent, status, token and refresh, over the operations that HTTP serves too. */
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
      const answer = await operations.getToken(context, connectionIdOf(request), minTtlOf(request))
      return { message: encodeTokenMessage(readJsonObject(answer)) }
    }),
    RefreshConnection: wrap(async (context, request) => {
      const answer = await operations.refreshConnection(context, connectionIdOf(request), refreshBody(request))
      return { message: encodeTokenMessage(readJsonObject(answer)) }
    }),
  }
}

// 0 is the default of the field and of the API alike.
const minTtlOf = (request: unknown): string | undefined =>
  isObject(request) && Number(request.min_ttl_seconds) > 0 ? String(request.min_ttl_seconds) : undefined

// An optional field that was not sent is no member of the decoded message; int64 arrives as text.
function refreshBody(request: unknown): Buffer | undefined {
  if (!isObject(request) || request.if_version === undefined || request.if_version === null) return undefined
  return Buffer.from(JSON.stringify({ if_version: Number(request.if_version) }))
}

// proto3 cannot tell an empty field from an absent one; both edges then mean "the provider's default" and "ask the person".
function withoutEmptyFields(request: unknown): unknown {
  if (!isObject(request)) return request
  const { scopes, variables } = request
  const isEmpty = (value: unknown): boolean => isObject(value) && Object.keys(value).length === 0
  return { ...request, scopes: isEmpty(scopes) ? null : scopes, variables: isEmpty(variables) ? null : variables }
}
