import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'
import { freePort } from '@dromos/local'
import { call } from '../broker-api.js'
import type { DatabaseServer, ProofDatabase } from '../database.js'
import { apiKey, type Fleet, startFleet } from '../fleet.js'
import type { Resources } from '../resources.js'
import { type Remote, startChild } from '../rpc.js'
import { type ServiceProcess, startServiceProcess } from '../service-process.js'
import { type Front, startFront } from './front.js'
import type { LabFunctions } from './lab-main.js'
import { type ProviderKind, providerKinds } from './providers.js'
import type { Recorder } from './recorder.js'
import type { Secrets } from './secrets.js'
import type { Tenant } from './world.js'

// Owns the cast of an attack, each member a process: PostgreSQL, two brokers behind one address, two gateways, the providers.

export type Gateway = { name: string; url: string; grpcAddress: string; process: ServiceProcess }

export type Cast = {
  database: ProofDatabase
  fleet: Fleet
  front: Front
  gateways: readonly Gateway[]
  lab: Remote<LabFunctions>
  /** Ids at the broker by name. */
  providers: ReadonlyMap<string, string>
  tenants: readonly Tenant[]
  returnOrigin: string
  recorder: Recorder
}

export type CastOptions = {
  server: DatabaseServer
  resources: Resources
  logDirectory: string
  seed: number
  secrets: Secrets
  recorder: Recorder
}

const returnHost = 'app.example.com'
const admin = fileURLToPath(new URL('../../../../services/broker/dist/admin.js', import.meta.url))

/** Everything that is started is remembered in `resources`. */
export async function openCast(options: CastOptions): Promise<Cast> {
  const { server, resources, secrets, logDirectory, recorder } = options
  const lab = startChild<LabFunctions>('attack/lab-main')
  resources.add(() => lab.end())
  await lab.start(options.seed)
  const database = await server.newDatabase()
  resources.add(() => database.close())
  const [frontPort = 0, ...ports] = await freePorts(7)
  const front = await startFront(frontPort, ports.slice(0, 2))
  resources.add(() => front.close())
  const encryptionKey = randomBytes(32).toString('base64')
  for (const secret of [encryptionKey, apiKey]) secrets.add(secret)
  const fleet = await startFleet({
    ports: ports.slice(0, 2),
    databaseUrl: database.url,
    encryptionKey,
    logDirectory,
    settings: {
      BASE_URL: front.url,
      LOG_LEVEL: 'info',
      // A stranger's address does not become one of ours by saying so.
      REQUIRE_ALLOWLIST: 'true',
      ALLOWED_CIDRS: '127.0.0.1/32',
    },
  })
  resources.add(() => fleet.endAll())
  const newKey = keyMaker(database.url, secrets)
  const tenants = await Promise.all(['north', 'south'].map((name) => newTenant(name, newKey)))
  const gatewayKey = await newKey('default', 'gateway', 'gateway')
  const gateways = await Promise.all(
    [0, 1].map((index) => {
      const [http = 0, grpc = 0] = ports.slice(2 + 2 * index)
      return startGateway(
        { name: `gateway-${index}`, http, grpc, brokerUrl: front.url, gatewayKey, logDirectory },
        resources,
      )
    }),
  )
  const providers = new Map<string, string>()
  for (const kind of providerKinds) providers.set(kind.name, await addProvider(lab, front.url, kind, secrets))
  return { database, fleet, front, gateways, lab, providers, tenants, returnOrigin: `https://${returnHost}`, recorder }
}

async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(await freePort(undefined))
  return [...ports]
}

type NewKey = (tenant: string, client: string, role: 'agent' | 'gateway', ...rights: string[]) => Promise<string>

const keyMaker =
  (databaseUrl: string, secrets: Secrets): NewKey =>
  async (tenant, client, role, ...rights) => {
    const options = ['keys', 'create', '--tenant', tenant, '--client', client, '--role', role, '--json', ...rights]
    const run = promisify(execFile)
    const { stdout } = await run(process.execPath, [admin, ...options], {
      env: { DATABASE_URL: databaseUrl },
      timeout: 60_000,
    })
    const { key } = JSON.parse(stdout) as { key: string }
    secrets.add(key)
    return key
  }

async function newTenant(name: string, newKey: NewKey): Promise<Tenant> {
  const key = await newKey(name, `${name}-agents`, 'agent')
  return { name, key, auditorKey: await newKey(name, `${name}-auditor`, 'agent', '--allow-refresh-tokens') }
}

type GatewayOptions = {
  name: string
  http: number
  grpc: number
  brokerUrl: string
  gatewayKey: string
  logDirectory: string
}

async function startGateway(options: GatewayOptions, resources: Resources): Promise<Gateway> {
  const { name, http, grpc, logDirectory } = options
  const environment = {
    PORT_HTTP: String(http),
    PORT_GRPC: String(grpc),
    BROKER_BASE_URL: options.brokerUrl,
    BROKER_API_KEY: options.gatewayKey,
    LOG_LEVEL: 'info',
  }
  const started = startServiceProcess({ service: 'gateway', incarnation: name, environment, logDirectory })
  resources.add(() => started.end('SIGKILL'))
  const url = `http://127.0.0.1:${http}`
  await started.ready(`${url}/readyz`)
  return { name, url, grpcAddress: `127.0.0.1:${grpc}`, process: started }
}

async function addProvider(
  lab: Remote<LabFunctions>,
  brokerUrl: string,
  { name, profile, scopes, widerScopes }: ProviderKind,
  secrets: Secrets,
): Promise<string> {
  const at = await lab.create(name)
  secrets.add(at.clientSecret)
  const isDiscovered = 'enable_discovery' in profile
  const endpoints = { auth_url: at.authorizationEndpoint, token_url: at.tokenEndpoint, jwks_url: at.jwksUri }
  const { status, body } = await call('POST', `${brokerUrl}/providers`, {
    profile: {
      name,
      auth_type: 'oauth2',
      client_id: at.clientId,
      client_secret: at.clientSecret,
      issuer: at.issuer,
      ...(!isDiscovered && { ...endpoints, sends_issuer: true, revocation: { url: at.revocationEndpoint } }),
      scopes: [...scopes, ...widerScopes],
      default_scopes: scopes,
      ...profile,
    },
  })
  const id = body.get('id')
  if (status !== 201 || typeof id !== 'string')
    throw new Error(`provider ${name} was not registered: ${status} ${String(body.get('message'))}`)
  return id
}
