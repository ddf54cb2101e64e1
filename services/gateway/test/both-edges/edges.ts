import { errorReasons, isErrorReason } from '@dromos/contract'
import { status } from '@grpc/grpc-js'
import { expect } from '@jest/globals'
import type { TestGateway } from '../gateway.js'
import { fromStruct, isServiceError, openRpc, type RpcAnswer } from '../grpc/client.js'
import { readOpenapi } from '../openapi-document.js'

// Owns one client per edge, so that a claim is written once: answers and refusals come back in the same words.

export type Outcome =
  { answer: Record<string, unknown>; isReplay: boolean } | { reason: string; message: string; answer?: never }

export type CallOptions = { key?: string | null; idempotencyKey?: string }

export type Edge = {
  requestConnection(body: Record<string, unknown>, options?: CallOptions): Promise<Outcome>
  checkConnection(id: string, options?: CallOptions): Promise<Outcome>
  getToken(id: string, options?: CallOptions): Promise<Outcome>
  refreshConnection(id: string, options?: CallOptions): Promise<Outcome>
  close(): void
}

const openapi = readOpenapi()

/** Over HTTP. Every answer is held against openapi.yaml on its way. */
export function httpEdge(gateway: TestGateway, defaultKey: string): Edge {
  const call = async (
    method: string,
    path: string,
    id: string,
    options: CallOptions,
    body?: unknown,
  ): Promise<Outcome> => {
    const { key = defaultKey, idempotencyKey } = options
    const response = await fetch(gateway.url + path.replace('{connection_id}', encodeURIComponent(id)), {
      method,
      headers: {
        ...(key === null ? {} : { 'X-API-Key': key }),
        ...(idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const answer = { ...((await response.json()) as object) } as Record<string, unknown>
    expect(documentedProblems(method, path, response.status, answer)).toEqual([])
    expect(response.headers.get('cache-control')).toBe('no-store')
    if (response.ok) return { answer, isReplay: response.headers.get('idempotent-replayed') === 'true' }
    const { code, message } = answer
    expect(response.status).toBe(isErrorReason(code) ? errorReasons[code].http : 'a status of the table')
    return { reason: String(code), message: String(message) }
  }
  return {
    requestConnection: (body, options = {}) => call('POST', '/v1/request-connection', '', options, body),
    checkConnection: (id, options = {}) => call('GET', '/v1/check-connection/{connection_id}', id, options),
    getToken: (id, options = {}) => call('GET', '/v1/token/{connection_id}', id, options),
    refreshConnection: (id, options = {}) => call('POST', '/v1/refresh/{connection_id}', id, options),
    close: () => undefined,
  }
}

/** What openapi.yaml has against a JSON answer. */
export function documentedProblems(method: string, path: string, code: number, answer: unknown): string[] {
  const operation = openapi.operations.find(({ name }) => name === `${method} ${path}`)
  const schema = operation === undefined ? undefined : openapi.answerSchema(operation, code)
  if (schema === undefined) return [`${method} ${path} does not document ${code}: ${JSON.stringify(answer)}`]
  return openapi.problemsOf(schema, answer)
}

/** Over gRPC, through one of the two services. */
export function grpcEdge(gateway: TestGateway, defaultKey: string, service: string): Edge {
  const rpc = openRpc(gateway.grpcPort)
  const call = async (
    method: string,
    message: object,
    options: CallOptions,
    read: (message: Record<string, unknown>) => Record<string, unknown>,
  ): Promise<Outcome> => {
    const { key = defaultKey, idempotencyKey } = options
    const metadata = {
      ...(key === null ? {} : { 'x-api-key': key }),
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
    }
    try {
      const { message: answer, headers }: RpcAnswer = await rpc.call(`/${service}/${method}`, message, metadata)
      return { answer: read(answer), isReplay: headers.get('idempotent-replayed')[0] === 'true' }
    } catch (error) {
      if (!isServiceError(error)) throw error
      const reason = error.metadata.get('x-error-reason')[0]
      expect(status[error.code]).toBe(isErrorReason(reason) ? errorReasons[reason].grpc : 'a status of the table')
      return { reason: String(reason), message: error.details }
    }
  }
  const byId = (id: string): object => ({ connection_id: id })
  const readToken = (message: Record<string, unknown>): Record<string, unknown> => fromStruct(message.token)
  return {
    requestConnection: (body, options = {}) =>
      call('RequestConnection', body, options, ({ auth_url, ...rest }) => ({ authUrl: auth_url, ...rest })),
    checkConnection: (id, options = {}) =>
      call('CheckConnection', byId(id), options, ({ status: word, detail }) =>
        detail === '' ? { status: word } : { status: word, detail },
      ),
    getToken: (id, options = {}) => call('GetToken', byId(id), options, readToken),
    refreshConnection: (id, options = {}) => call('RefreshConnection', byId(id), options, readToken),
    close: () => rpc.close(),
  }
}
