import { loadProtos } from '@dromos/contract'
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { Problem } from '../problem.js'
import { isRecord } from '../stack/broker-api.js'
import type { Edge, Requested, Seen } from './edge.js'

const SERVICE = 'nexus.v1.NexusService'
const DEADLINE_MS = 20_000

/** The gateway's gRPC API, called by method name: no generated client is needed to show that it works. */
export function grpcEdge(address: string, apiKey: string): Edge {
  const methods = loadProtos()[SERVICE]
  if (methods === undefined) throw new Problem(`the protos define no ${SERVICE}`)
  const client = new Client(address, credentials.createInsecure())
  const metadata = new Metadata()
  metadata.set('x-api-key', apiKey)

  function invoke(name: string, message: object): Promise<Record<string, unknown>> {
    const method = isRecord(methods) ? methods[name] : undefined
    if (!isMethod(method)) throw new Problem(`the protos define no ${SERVICE}/${name}`)
    const options = { deadline: Date.now() + DEADLINE_MS }
    return new Promise((resolve, reject) => {
      const answer = (error: ServiceError | null, value?: unknown) => {
        if (error !== null) reject(new Problem(`${SERVICE}/${name} failed: ${error.message}`, { cause: error }))
        else resolve(isRecord(value) ? value : {})
      }
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        message,
        metadata,
        options,
        answer,
      )
    })
  }
  const accessToken = (answer: Record<string, unknown>, name: string) =>
    textOf(fieldsOf(answer['token']), 'access_token', name)
  const ask = async (name: string, message: object): Promise<Requested> => {
    const answer = await invoke(name, message)
    return { connectionId: textOf(answer, 'connection_id', name), authUrl: textOf(answer, 'auth_url', name) }
  }
  const see = async (name: string, id: string, message: object = {}): Promise<Seen> => {
    const answer = await invoke(name, { connection_id: id, ...message })
    const scopes = answer['granted_scopes']
    return { status: textOf(answer, 'status', name), grantedScopes: Array.isArray(scopes) ? scopes.map(String) : [] }
  }
  return {
    name: 'gRPC',
    requestConnection: ({ userId, provider, scopes, returnUrl }) =>
      ask('RequestConnection', { user_id: userId, provider_name: provider, scopes, return_url: returnUrl }),
    async checkConnection(id) {
      return textOf(await invoke('CheckConnection', { connection_id: id }), 'status', 'CheckConnection')
    },
    async getToken(id) {
      return accessToken(await invoke('GetToken', { connection_id: id }), 'GetToken')
    },
    async refreshConnection(id) {
      return accessToken(await invoke('RefreshConnection', { connection_id: id }), 'RefreshConnection')
    },
    async listConnections(userId) {
      const { data } = await invoke('ListConnections', { user_id: userId })
      const items: unknown[] = Array.isArray(data) ? data : []
      return items.map((each) => (isRecord(each) ? textOf(each, 'connection_id', 'ListConnections') : ''))
    },
    getConnection: (id) => see('GetConnection', id),
    stepUp: (id, { scopes, returnUrl }) =>
      ask('StepUpConnection', { connection_id: id, scopes, return_url: returnUrl }),
    reconnect(id, { returnUrl, completionChallenge }) {
      const message = { connection_id: id, return_url: returnUrl, completion_challenge: completionChallenge }
      return ask('ReconnectConnection', message)
    },
    complete(id, { connectCode, userId, verifier }) {
      const message = { connect_code: connectCode, user_id: userId, completion_verifier: verifier }
      return see('CompleteConnection', id, message)
    },
    disconnect: (id) => see('DisconnectConnection', id),
    close: () => client.close(),
  }
}

type Method = { path: string; requestSerialize(value: object): Buffer; responseDeserialize(bytes: Buffer): object }

function isMethod(value: unknown): value is Method {
  return isRecord(value) && typeof value['path'] === 'string' && typeof value['requestSerialize'] === 'function'
}

/** The top level of a google.protobuf.Struct: each value is an object whose `kind` names the member that is set. */
function fieldsOf(struct: unknown): Record<string, unknown> {
  const fields = isRecord(struct) && isRecord(struct['fields']) ? struct['fields'] : {}
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, isRecord(value) ? value[String(value['kind'])] : undefined]),
  )
}

function textOf(record: Record<string, unknown>, name: string, method: string): string {
  const value = record[name]
  if (typeof value === 'string' && value !== '') return value
  throw new Problem(`${method} answered without ${name}`)
}
