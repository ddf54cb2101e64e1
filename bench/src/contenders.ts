import type { Floor } from './floors.js'
import type { HttpPlan, HttpRequest } from './http-load.js'
import { type Pair, processesOf } from './pair.js'
import { agents, type Against } from './scenario.js'
import type { Contender } from './compare.js'

// Owns how each side is asked for the same thing.

const plan = (port: number, requests: readonly HttpRequest[], host = '127.0.0.1'): HttpPlan => ({
  kind: 'http',
  host,
  port,
  connections: agents,
  requests,
  order: 'again',
  expects: 200,
})

const readsOf = (ids: readonly string[], headers: Record<string, string>): HttpRequest[] =>
  ids.map((id) => ({ method: 'GET', path: `/v1/token/${id}`, headers }))

export const floorReads = ({ port, processes }: Floor, ids: readonly string[]): Contender => ({
  name: 'F1',
  plan: plan(port, readsOf(ids, {})),
  processes,
})

export const productReads = (pair: Pair, ids: readonly string[], name = 'Dromos'): Contender => ({
  name,
  plan: plan(pair.ports.http, readsOf(ids, { 'x-api-key': pair.agentKey })),
  processes: processesOf(pair),
})

export const otherReads = ({ url, apiKey, connectionId }: Against): Contender => ({
  name: url.host,
  plan: plan(Number(url.port || 80), readsOf([connectionId], { 'x-api-key': apiKey }), url.hostname),
  processes: [],
})
