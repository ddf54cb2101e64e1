import { errorReasons, isErrorReason } from '@dromos/contract'
import { status } from '@grpc/grpc-js'
import { expect } from '@jest/globals'
import type { TestGateway } from '../gateway.js'
import { fromStruct, isServiceError, openRpc, type RpcAnswer } from '../grpc/client.js'
import { readOpenapi } from '../openapi-document.js'

// Owns one client per edge, so that a claim is written once: answers and refusals come back in the same words.

export type Outcome =
  { answer: Record<string, unknown>; isReplay: boolean } | { reason: string; message: string; answer?: never }

export type CallOptions = { key?: string | null; idempotencyKey?: string; minTtl?: number; ifVersion?: number }

export type Edge = {
  requestConnection(body: Record<string, unknown>, options?: CallOptions): Promise<Outcome>
  checkConnection(id: string, options?: CallOptions): Promise<Outcome>
  getToken(id: string, options?: CallOptions): Promise<Outcome>
  refreshConnection(id: string, options?: CallOptions): Promise<Outcome>
  /** Connections are compared without members that are null or empty: gRPC cannot tell the two apart. */
  listConnections(filters: Record<string, string | number>, options?: CallOptions): Promise<Outcome>
  getConnection(id: string, options?: CallOptions & { withAuthUrl?: boolean }): Promise<Outcome>
  update(id: string, body: { refresh_schedule?: string | null }, options?: CallOptions): Promise<Outcome>
  disconnect(id: string, options?: CallOptions): Promise<Outcome>
  reconnect(id: string, body: Record<string, unknown>, options?: CallOptions): Promise<Outcome>
  stepUp(id: string, body: Record<string, unknown>, options?: CallOptions): Promise<Outcome>
  complete(id: string, body: Record<string, unknown>, options?: CallOptions): Promise<Outcome>
  proveDpop(id: string, body: Record<string, unknown>, options?: CallOptions): Promise<Outcome>
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
    query = '',
  ): Promise<Outcome> => {
    const { key = defaultKey, idempotencyKey } = options
    const response = await fetch(gateway.url + path.replace('{connection_id}', encodeURIComponent(id)) + query, {
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
    getToken: (id, options = {}) =>
      call('GET', '/v1/token/{connection_id}', id, options, undefined, queryOf({ min_ttl: options.minTtl })),
    refreshConnection: (id, options = {}) =>
      call(
        'POST',
        '/v1/refresh/{connection_id}',
        id,
        options,
        options.ifVersion === undefined ? undefined : { if_version: options.ifVersion },
      ),
    listConnections: async (filters, options = {}) =>
      filled(await call('GET', '/v1/connections', '', options, undefined, queryOf(filters))),
    getConnection: async (id, options = {}) =>
      filled(await call('GET', one, id, options, undefined, queryOf({ with_auth_url: options.withAuthUrl }))),
    update: async (id, body, options = {}) => filled(await call('PATCH', one, id, options, body)),
    disconnect: async (id, options = {}) => filled(await call('DELETE', one, id, options)),
    reconnect: (id, body, options = {}) => call('POST', `${one}/reconnect`, id, options, body),
    stepUp: (id, body, options = {}) => call('POST', `${one}/step-up`, id, options, body),
    complete: async (id, body, options = {}) => filled(await call('POST', `${one}/complete`, id, options, body)),
    proveDpop: (id, body, options = {}) => call('POST', `${one}/dpop-proof`, id, options, body),
    close: () => undefined,
  }
}

const one = '/v1/connections/{connection_id}'

function queryOf(members: Record<string, string | number | boolean | undefined>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(members)) if (value !== undefined) query.set(name, String(value))
  return query.size === 0 ? '' : `?${query.toString()}`
}

/** An answer without what gRPC calls empty and JSON calls null. */
function filled(outcome: Outcome): Outcome {
  if (outcome.answer === undefined) return outcome
  const prune = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(prune)
    if (typeof value !== 'object' || value === null) return value
    const members = Object.entries(value).filter(([, each]) => !isEmpty(each))
    return Object.fromEntries(members.map(([name, each]) => [name, prune(each)]))
  }
  return { ...outcome, answer: prune(outcome.answer) as Record<string, unknown> }
}

const isEmpty = (value: unknown): boolean =>
  value === null || value === '' || value === false || (Array.isArray(value) && value.length === 0)

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
    requestConnection: (body, options = {}) => call('RequestConnection', body, options, readConsent),
    checkConnection: (id, options = {}) =>
      call('CheckConnection', byId(id), options, ({ status: word, detail }) =>
        detail === '' ? { status: word } : { status: word, detail },
      ),
    getToken: (id, options = {}) =>
      call('GetToken', { ...byId(id), min_ttl_seconds: options.minTtl ?? 0 }, options, readToken),
    refreshConnection: (id, options = {}) => {
      const condition = options.ifVersion === undefined ? {} : { if_version: options.ifVersion }
      return call('RefreshConnection', { ...byId(id), ...condition }, options, readToken)
    },
    listConnections: async (filters, options = {}) =>
      filled(
        await call('ListConnections', filters, options, ({ data, ...page }) => ({
          ...page,
          data: (data as Record<string, unknown>[]).map(readConnection),
        })),
      ),
    getConnection: async (id, { withAuthUrl, ...options } = {}) =>
      filled(
        await call('GetConnection', { ...byId(id), with_auth_url: withAuthUrl === true }, options, readConnection),
      ),
    update: async (id, body, options = {}) => {
      const change = body.refresh_schedule === null ? { refresh_schedule: '' } : body
      return filled(await call('UpdateConnection', { ...byId(id), ...change }, options, readConnection))
    },
    disconnect: async (id, options = {}) =>
      filled(await call('DisconnectConnection', byId(id), options, readConnection)),
    reconnect: (id, body, options = {}) => call('ReconnectConnection', { ...byId(id), ...body }, options, readConsent),
    stepUp: (id, body, options = {}) => call('StepUpConnection', { ...byId(id), ...body }, options, readConsent),
    complete: async (id, body, options = {}) =>
      filled(await call('CompleteConnection', { ...byId(id), ...body }, options, readConnection)),
    proveDpop: (id, body, options = {}) =>
      call('CreateDpopProof', { ...byId(id), ...body }, options, ({ proof, token_version }) => ({
        proof,
        token_version: Number(token_version),
      })),
    close: () => rpc.close(),
  }
}

const readConsent = ({ auth_url, ...rest }: Record<string, unknown>): Record<string, unknown> => ({
  authUrl: auth_url,
  ...rest,
})

// int64 arrives as text.
const readConnection = ({ auth_url, ...rest }: Record<string, unknown>): Record<string, unknown> => ({
  ...rest,
  token_version: Number(rest.token_version),
  authUrl: auth_url,
})
