import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Edge } from '../src/demo/edge.js'
import { grpcEdge } from '../src/demo/grpc-edge.js'
import { httpEdge } from '../src/demo/http-edge.js'
import { walk } from '../src/demo/walk.js'
import { freePort } from '../src/free-port.js'
import { ensureDeveloperKeys, registerProvider } from '../src/stack/broker-api.js'
import type { Progress } from '../src/stack/progress.js'
import { ServiceProcess } from '../src/stack/service-process.js'
import {
  brokerEnvironment,
  brokerService,
  DEMO_CLIENT_ID,
  demoProfile,
  gatewayService,
  identityProviderService,
  type Ports,
  type Service,
  urlsOf,
} from '../src/stack/services.js'
import { type DevFile, StackFiles } from '../src/stack/stack-files.js'
import { createTestDatabase } from '../src/test-database.js'
import { type RoundRobin, startRoundRobin } from './round-robin.js'

// Two brokers and two gateways on one database, behind balancers that send every request to the other one than the last.
const directory = mkdtempSync(join(tmpdir(), 'dromos-two-'))
const processes: ServiceProcess[] = []
let info: DevFile
let balancer: RoundRobin
let gateways: Ports[]
let apiKey: string
let database: Awaited<ReturnType<typeof createTestDatabase>>

const ports = async (): Promise<Ports> => ({
  broker: await freePort(undefined),
  http: await freePort(undefined),
  grpc: await freePort(undefined),
  provider: await freePort(undefined),
})

async function run(service: Service): Promise<void> {
  const started = new ServiceProcess(service, directory)
  processes.push(started)
  await started.waitUntilReady(AbortSignal.timeout(30_000))
}

beforeAll(async () => {
  database = await createTestDatabase()
  const files = new StackFiles(directory)
  const secrets = files.secrets()
  const [front, first, second] = [await ports(), await ports(), await ports()]
  const environment = brokerEnvironment(process.env, front, secrets, database.url)
  files.saveBrokerEnvironment(environment)
  await run(identityProviderService(process.env, front, secrets, files.identityProvider))
  for (const each of [first, second])
    await run({
      ...brokerService(each, { ...environment, PORT: String(each.broker) }),
      logName: `broker-${each.broker}`,
    })
  balancer = await startRoundRobin(front.broker, [first.broker, second.broker])
  const keys = await ensureDeveloperKeys(urlsOf(front).broker, environment, files)
  await registerProvider(urlsOf(front).broker, keys.admin, demoProfile(front, secrets))
  gateways = [first, second].map((each) => ({ ...each, broker: front.broker }))
  for (const each of gateways)
    await run({ ...gatewayService(process.env, each, keys.gateway), logName: `gateway-${each.http}` })
  apiKey = keys.agent
  const { broker, gateway, grpc, issuer } = urlsOf(front)
  info = {
    broker: { url: broker },
    gateway: { url: gateway, grpc },
    provider: { name: 'demo', issuer, clientId: DEMO_CLIENT_ID },
    apiKey: keys.agent,
    adminKey: keys.admin,
    databaseUrl: database.url,
    pid: process.pid,
  }
}, 90_000)

afterAll(async () => {
  await balancer.close()
  await Promise.all(processes.toReversed().map((each) => each.stop()))
  await database.drop()
  rmSync(directory, { recursive: true, force: true })
}, 60_000)

/** Each operation over the other gateway than the one before. */
function inTurn(edges: readonly Edge[]): Edge {
  let turn = 0
  const next = (): Edge => {
    const edge = edges[turn++ % edges.length]
    if (edge === undefined) throw new Error('there is no edge')
    return edge
  }
  return {
    name: 'HTTP',
    requestConnection: (asked) => next().requestConnection(asked),
    checkConnection: (id) => next().checkConnection(id),
    getToken: (id) => next().getToken(id),
    refreshConnection: (id) => next().refreshConnection(id),
    listConnections: (userId) => next().listConnections(userId),
    getConnection: (id) => next().getConnection(id),
    stepUp: (id, asked) => next().stepUp(id, asked),
    reconnect: (id, asked) => next().reconnect(id, asked),
    complete: (id, completion) => next().complete(id, completion),
    disconnect: (id) => next().disconnect(id),
    close: () => edges.forEach((edge) => edge.close()),
  }
}

const silent = { step: async (_title: string, work: () => unknown) => work() } as unknown as Progress

test.each(['HTTP', 'gRPC'] as const)(
  'a connection works over %s with every step on another replica than the last',
  async (edge) => {
    const edges = gateways.map((each) =>
      edge === 'HTTP' ? httpEdge(urlsOf(each).gateway, apiKey) : grpcEdge(urlsOf(each).grpc, apiKey),
    )
    const both = inTurn(edges)
    await walk(both, info, `two-${edge.toLowerCase()}`, silent)
    both.close()
    expect(Math.min(...balancer.served)).toBeGreaterThan(3)
  },
  60_000,
)
