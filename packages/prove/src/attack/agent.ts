import type { Answer, HttpCaller } from './http-caller.js'
import { textOf } from './http-caller.js'
import type { GrpcCaller } from './grpc-caller.js'
import type { Cast } from './cast.js'
import type { Dice } from './dice.js'
import { createPerson } from './person.js'
import { type ProviderKind, providerKinds } from './providers.js'
import type { TokenJudge } from './served-token.js'
import type { Known, Tenant, World } from './world.js'

// Owns honest agents: what an application does all day with its connections, over HTTP and gRPC.

export type AgentWorld = {
  cast: Cast
  world: World
  dice: Dice
  http: HttpCaller
  /** One caller per tenant and gateway. */
  grpc: ReadonlyMap<Tenant, readonly GrpcCaller[]>
  judgeToken: TokenJudge
  /** Connections of a tenant beyond which no further are made. */
  mostConnections: number
  /** Until everybody stops. */
  leftMs(): number
}

type Deed = (agent: AgentWorld, tenant: Tenant) => Promise<void>

/** One deed, by the dice. */
export async function actAsAgent(agent: AgentWorld): Promise<void> {
  const tenant = agent.dice.pick(agent.world.tenants)
  if (tenant === undefined) return
  const isFull = agent.world.of(tenant).length >= agent.mostConnections
  const [deed] = weighted(agent.dice, isFull ? deeds : [[connect, 30], ...deeds])
  await deed?.(agent, tenant)
}

const gatewayOf = ({ cast, dice }: AgentWorld): string => dice.pick(cast.gateways)?.url ?? ''

/** A connection is asked for, and a person consents: most of the time. */
const connect: Deed = async (agent, tenant) => {
  const { world, cast, dice } = agent
  const kind = dice.pick(providerKinds)
  if (kind === undefined) return
  const subject = world.newSubject(tenant)
  const asked = await requestConnection(agent, tenant, kind, subject)
  if (asked === undefined) return
  const { id, authUrl } = asked
  const person = createPerson({ ...cast, http: agent.http })
  if (dice.fraction() < 0.05) return refuse(agent, kind, authUrl)
  if ((await person.consent(kind.name, authUrl, subject)) !== 'success') return
  world.add({ id, tenant, provider: kind.name, subject })
  await agent.http.send({ url: `${gatewayOf(agent)}/v1/check-connection/${id}`, key: tenant.key })
}

async function refuse({ cast, http }: AgentWorld, kind: ProviderKind, authUrl: string): Promise<void> {
  const person = createPerson({ ...cast, http })
  const page = await person.open(authUrl)
  if (page === undefined) return
  const callback = await cast.lab.deny(kind.name, page).catch(() => undefined)
  if (callback !== undefined) await person.comeBack(callback)
}

type Asked = { id: string; authUrl: string }

async function requestConnection(
  agent: AgentWorld,
  tenant: Tenant,
  kind: ProviderKind,
  userId: string,
): Promise<Asked | undefined> {
  const { cast, dice, http } = agent
  const returnUrl = `${cast.returnOrigin}/connected`
  const caller = dice.pick(agent.grpc.get(tenant) ?? [])
  if (dice.fraction() < 0.3 && caller !== undefined) {
    const wish = { userId, provider: kind.name, scopes: [...kind.scopes], returnUrl }
    const requested = await caller.ask('RequestConnection', (edge) => edge.requestConnection(wish))
    return requested && { id: requested.connectionId, authUrl: requested.authUrl }
  }
  const json = { user_id: userId, provider_name: kind.name, scopes: kind.scopes, return_url: returnUrl }
  return askedIn(await http.send({ url: `${gatewayOf(agent)}/v1/request-connection`, key: tenant.key, json }))
}

export function askedIn(answer: Answer | undefined): Asked | undefined {
  const [id, authUrl] = [textOf(answer, 'connection_id'), textOf(answer, 'authUrl')]
  return id === undefined || authUrl === undefined ? undefined : { id, authUrl }
}

const readHttp: Deed = async (agent, tenant) => {
  const connection = agent.dice.pick(agent.world.of(tenant))
  if (connection === undefined) return
  const query = agent.dice.fraction() < 0.1 ? '?min_ttl=45' : ''
  await take(agent, connection, { url: `${gatewayOf(agent)}/v1/token/${connection.id}${query}`, key: tenant.key })
}

const refreshHttp: Deed = async (agent, tenant) => {
  const connection = agent.dice.pick(agent.world.of(tenant))
  if (connection === undefined) return
  const json = agent.dice.fraction() < 0.8 && connection.version > 0 ? { if_version: connection.version } : {}
  const url = `${gatewayOf(agent)}/v1/refresh/${connection.id}`
  const times = agent.dice.fraction() < 0.3 ? 3 : 1
  await Promise.all(Array.from({ length: times }, () => take(agent, connection, { url, key: tenant.key, json })))
}

async function take(
  agent: AgentWorld,
  connection: Known,
  call: { url: string; key: string; json?: object },
): Promise<void> {
  const seenBefore = connection.newest
  const answer = await agent.http.send({ method: call.json === undefined ? 'GET' : 'POST', ...call })
  const token = textOf(answer, 'access_token')
  if (answer?.status !== 200 || token === undefined) return
  if (answer.body.has('refresh_token'))
    agent.cast.recorder.violated('a refresh token for an agent', connection.provider)
  const version = answer.body.get('token_version')
  if (typeof version === 'number') connection.version = Math.max(version, connection.version)
  await agent.judgeToken(connection, seenBefore, token)
}

const readGrpc: Deed = async (agent, tenant) => {
  const connection = agent.dice.pick(agent.world.of(tenant))
  const caller = agent.dice.pick(agent.grpc.get(tenant) ?? [])
  if (connection === undefined || caller === undefined) return
  const seenBefore = connection.newest
  const isRefresh = agent.dice.fraction() < 0.15
  const token = await (isRefresh
    ? caller.ask('RefreshConnection', (edge) => edge.refreshConnection(connection.id))
    : caller.ask('GetToken', (edge) => edge.getToken(connection.id)))
  if (token !== undefined) await agent.judgeToken(connection, seenBefore, token)
}

/** Reconnect and step-up are the same walk; the person is who they were. */
const renew: Deed = (agent, tenant) =>
  withIdle(agent, tenant, async (connection) => {
    const kind = providerKinds.find(({ name }) => name === connection.provider)
    const isWider = agent.dice.fraction() < 0.4
    const url = `${gatewayOf(agent)}/v1/connections/${connection.id}/${isWider ? 'step-up' : 'reconnect'}`
    const json = isWider ? { scopes: kind?.widerScopes } : {}
    const asked = askedIn(await agent.http.send({ url, key: tenant.key, json }))
    if (asked === undefined) return
    const person = createPerson({ ...agent.cast, http: agent.http })
    await person.consent(connection.provider, asked.authUrl, connection.subject)
  })

const disconnect: Deed = (agent, tenant) =>
  withIdle(agent, tenant, async (connection) => {
    const url = `${gatewayOf(agent)}/v1/connections/${connection.id}`
    const answer = await agent.http.send({ method: 'DELETE', url, key: tenant.key })
    if (answer?.status !== 200) return
    agent.world.forget(connection)
    const after = await agent.http.send({ url: `${gatewayOf(agent)}/v1/token/${connection.id}`, key: tenant.key })
    if (after?.status === 200) agent.cast.recorder.violated('a token after the disconnect', connection.provider)
  })

/** The person removes the access at the provider and tells nobody. */
const revokeAtProvider: Deed = (agent, tenant) =>
  withIdle(agent, tenant, ({ provider, subject }) => agent.cast.lab.revokeSubject(provider, subject))

async function withIdle(agent: AgentWorld, tenant: Tenant, work: (taken: Known) => Promise<void>): Promise<void> {
  const connection = agent.world.takeIdle(agent.dice, tenant)
  if (connection === undefined) return
  try {
    await work(connection)
  } finally {
    agent.world.release(connection)
  }
}

const look: Deed = async (agent, tenant) => {
  const connection = agent.dice.pick(agent.world.of(tenant))
  const base = `${gatewayOf(agent)}/v1/connections`
  const found = await agent.http.send({
    url: connection === undefined ? base : `${base}/${connection.id}`,
    key: tenant.key,
  })
  if (agent.dice.fraction() < 0.5) await agent.http.send({ url: `${base}?limit=20&status=attention`, key: tenant.key })
  if (found?.body.has('access_token') === true) agent.cast.recorder.violated('a token in a listing', 'access_token')
}

const deeds: readonly (readonly [Deed, number])[] = [
  [readHttp, 40],
  [readGrpc, 20],
  [refreshHttp, 12],
  [look, 8],
  [renew, 6],
  [disconnect, 3],
  [revokeAtProvider, 1],
]

function weighted<Item>(dice: Dice, items: readonly (readonly [Item, number])[]): Item[] {
  let draw = dice.fraction() * items.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [item, weight] of items) {
    draw -= weight
    if (draw < 0) return [item]
  }
  return []
}
