import { randomBytes } from 'node:crypto'
import { createVault, type KeyedVault as Vault } from '@dromos/broker/vault'
import {
  brokerEnvironment,
  brokerService,
  createKey,
  type Environment,
  freePort,
  gatewayService,
  type Ports,
  type Service,
  type Shell,
  ServiceProcess,
} from '@dromos/local'
import { apiKey as operatorKey, type ProofDatabase } from '@dromos/prove'
import { parentOf, usageOf, type Watched } from './processes.js'
import type { Profiling, Run } from './scenario.js'

// Owns the product as it is installed: one gateway and one broker with the settings a new installation has, on a database of
// their own. Does not own what is in the database.

export type Pair = {
  database: ProofDatabase
  vault: Vault
  encryptionKey: string
  ports: Ports
  brokerUrl: string
  /** The key of an agent, as its owner would have made it. */
  agentKey: string
  gateway: Watched & Started
  broker: Watched & Started
  postgres: Watched | undefined
  /** One more gateway with one more broker behind it, on the same database. */
  addReplica(): Promise<Replica>
}

export type Replica = { port: number; processes: readonly Watched[] }

type Started = {
  /** From the start of the process to its first 200 at /readyz. */
  readyAfterMs: number
  /** The CPU time it took until then: what the start takes on a machine that has nothing else to do. */
  readyAfterCpuMs: number
}

/** What a scenario changes of the settings, in both services. */
export type Changes = { broker?: Environment; gateway?: Environment }

export async function startPair(run: Run, changes: Changes = {}): Promise<Pair> {
  run.show('starting gateway and broker')
  const database = await run.server.newDatabase()
  run.resources.add(() => database.close())
  const ports = await choosePorts()
  const encryptionKey = randomBytes(32).toString('base64')
  const environment = settings(run.shell, ports, encryptionKey, database.url, changes)
  const broker = await start(run, brokerService(ports, environment))
  const [agentKey, gatewayKey] = await Promise.all([
    createKey('bench-agent', 'agent', environment),
    createKey('bench-gateway', 'gateway', environment),
  ])
  const gateway = await startGateway(run, ports, gatewayKey, changes)
  return {
    database,
    vault: createVault({ primary: Buffer.from(encryptionKey, 'base64'), retired: [] }),
    encryptionKey,
    ports,
    brokerUrl: `http://127.0.0.1:${ports.broker}`,
    agentKey,
    gateway,
    broker,
    postgres: await postmasterOf(database),
    async addReplica() {
      const replica = await choosePorts()
      // The port alone differs: replicas share keys, database and public address.
      const second = await start(run, brokerService(replica, { ...environment, PORT: String(replica.broker) }))
      return { port: replica.http, processes: [await startGateway(run, replica, gatewayKey, changes), second] }
    },
  }
}

function startGateway(run: Run, ports: Ports, key: string, { gateway }: Changes): Promise<Watched & Started> {
  const service = gatewayService(run.shell, ports, key)
  return start(run, { ...service, environment: { ...service.environment, ...asInstalled, ...gateway } })
}

/**
 * What autovacuum does by itself within a minute of the first rows. Until then PostgreSQL knows nothing of a table that was
 * empty when it planned, and finds one consent by an index that leads through all of its tenant.
 */
export const gatherStatistics = ({ database }: Pair): Promise<unknown> => database.rows('analyze')

export const processesOf = ({ gateway, broker, postgres }: Pair): Watched[] => [
  gateway,
  broker,
  ...(postgres === undefined ? [] : [postgres]),
]

// What `npm start` sets for a developer's convenience is set back to what an installation has.
const asInstalled = { NODE_ENV: 'production', LOG_LEVEL: 'info' }

function settings(
  shell: Shell,
  ports: Ports,
  encryptionKey: string,
  databaseUrl: string,
  changes: Changes,
): Environment {
  const secrets = { encryptionKey, stateKey: randomBytes(32).toString('base64'), demoClientSecret: '' }
  return {
    ...brokerEnvironment(shell, ports, secrets, databaseUrl),
    ...asInstalled,
    API_KEY: operatorKey,
    // One client is the whole load: what is measured is not its limit.
    CLIENT_REQUESTS_PER_SECOND: '1000000',
    OPEN_CONSENTS_PER_TENANT: '1000000',
    ...changes.broker,
  }
}

async function start(run: Run, service: Service): Promise<Watched & Started> {
  const startedAtMs = performance.now()
  const profile = run.profile?.service === service.name ? run.profile : undefined
  const started = new ServiceProcess(
    {
      ...service,
      logName: `${service.logName}-${new URL(service.readyUrl).port}`,
      environment: { ...service.environment, ...(profile === undefined ? {} : profiled(profile)) },
    },
    run.logDirectory,
  )
  run.resources.add(() => started.stop())
  await started.waitUntilReady(new AbortController().signal)
  const readyAfterMs = performance.now() - startedAtMs
  if (profile !== undefined && started.pid !== undefined) process.kill(started.pid, 'SIGUSR2')
  const ready = { name: service.name, pid: started.pid ?? 0 }
  return { ...ready, readyAfterMs, readyAfterCpuMs: usageOf(ready)?.cpuMs ?? NaN }
}

const profiled = ({ file }: Profiling): Environment => ({
  NODE_OPTIONS: `--import=${new URL('../bin/profile-hook.mjs', import.meta.url).href}`,
  PROFILE_TO: file,
})

export async function choosePorts(): Promise<Ports> {
  const chosen = new Set<number>()
  while (chosen.size < 4) chosen.add(await freePort(undefined))
  const [broker = 0, http = 0, grpc = 0, provider = 0] = chosen
  return { broker, http, grpc, provider }
}

/** PostgreSQL with all of its processes: a session's parent is the postmaster. */
export async function postmasterOf(database: ProofDatabase): Promise<Watched | undefined> {
  const [session] = await database.rows<{ pid: number }>('select pg_backend_pid() as pid')
  const pid = session && parentOf(session.pid)
  return pid === undefined ? undefined : { name: 'PostgreSQL', pid, family: true }
}
