import type { Floor } from './floors.js'
import type { GrpcPlan } from './load/grpc-load.js'
import type { HttpPlan, HttpRequest } from './load/http-load.js'
import { gatherStatistics, type Pair, processesOf } from './pair.js'
import { agents, type Against } from './scenario.js'
import type { Contender } from './compare.js'

// Owns how each side is asked for the same thing.

/** A side that is asked by HTTP, the same requests in every window. */
export type HttpContender = Contender & { plan: HttpPlan }

const plan = (port: number, requests: readonly HttpRequest[], host = '127.0.0.1'): HttpPlan => ({
  kind: 'http',
  host,
  ports: [port],
  connections: agents,
  requests,
  order: 'again',
  expects: 200,
})

const readsOf = (ids: readonly string[], headers: Record<string, string>): HttpRequest[] =>
  ids.map((id) => ({ method: 'GET', path: `/v1/token/${id}`, headers }))

export const floorReads = ({ port, processes }: Floor, ids: readonly string[]): HttpContender => ({
  name: 'F1',
  plan: plan(port, readsOf(ids, {})),
  processes,
})

export const productReads = (pair: Pair, ids: readonly string[], name = 'Dromos'): HttpContender => ({
  name,
  plan: plan(pair.ports.http, readsOf(ids, { 'x-api-key': pair.agentKey })),
  processes: processesOf(pair),
})

export const otherReads = ({ url, apiKey, connectionId }: Against): HttpContender => ({
  name: url.host,
  plan: plan(Number(url.port || 80), readsOf([connectionId], { 'x-api-key': apiKey }), url.hostname),
  processes: [],
})

/** A client keeps few connections and many calls on each. */
const grpcConnections = 8

/** `leastBytes`: the length of an access token. */
export function productGrpcReads(pair: Pair, ids: readonly string[], leastBytes: number): Contender {
  const plan: GrpcPlan = {
    kind: 'grpc',
    host: '127.0.0.1',
    port: pair.ports.grpc,
    connections: grpcConnections,
    streams: agents / grpcConnections,
    method: '/oha.v1.OHAService/GetToken',
    metadata: { 'x-api-key': pair.agentKey },
    messages: ids.map((id) => textField(1, id)),
    leastBytes,
  }
  return { name: 'Dromos gRPC', plan, processes: processesOf(pair) }
}

/** A Protocol Buffers message of one short string. */
function textField(number: number, text: string): Uint8Array {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.of((number << 3) | 2, bytes.length), bytes])
}

const consentsOf = (providerId: string, headers: Record<string, string>): HttpRequest[] => [
  {
    method: 'POST',
    path: '/v1/request-connection',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({
      user_id: 'user-1',
      provider_id: providerId,
      scopes: ['read', 'write'],
      return_url: 'http://localhost:3000/done',
    }),
  },
]

export const floorInserts = ({ port, processes }: Floor, providerId: string): HttpContender => ({
  name: 'F2',
  plan: plan(port, consentsOf(providerId, {})),
  processes,
})

export const productConsents = (pair: Pair, providerId: string): HttpContender => ({
  name: 'Dromos',
  plan: plan(pair.ports.http, consentsOf(providerId, { 'x-api-key': pair.agentKey })),
  settle: () => gatherStatistics(pair),
  processes: processesOf(pair),
})

export const otherConsents = ({ url, apiKey }: Against, providerId: string): HttpContender => ({
  name: url.host,
  plan: plan(Number(url.port || 80), consentsOf(providerId, { 'x-api-key': apiKey }), url.hostname),
  processes: [],
})
