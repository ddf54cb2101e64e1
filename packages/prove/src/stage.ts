import { randomBytes } from 'node:crypto'
import { createVault, type KeyedVault as Vault } from '@dromos/broker/vault'
import { freePort } from '@dromos/local'
import { registerProvider } from './broker-api.js'
import type { DatabaseServer, ProofDatabase } from './database.js'
import { type Fleet, startFleet } from './fleet.js'
import { compareLedger, type Ledger } from './ledger.js'
import type { LoadFunctions } from './load-main.js'
import type { NewProvider, ProviderFunctions, Registration } from './provider-main.js'
import type { Target } from './read-load.js'
import type { Resources } from './resources.js'
import { type Remote, startChild } from './rpc.js'
import { type Issued, newConnectionIds, seedConnections } from './seed.js'

// Owns the cast of one proof, each member a process: PostgreSQL, replicas of the broker, the provider, the load.

export type Stage = {
  database: ProofDatabase
  fleet: Fleet
  provider: Remote<ProviderFunctions>
  load: Remote<LoadFunctions>
  /** What the brokers were first started with, and what seals the seeded connections; base64. */
  encryptionKey: string
  logDirectory: string
  /** A provider at the lab, known to the brokers. */
  addProvider(options: NewProvider): Promise<StageProvider>
}

export type StageProvider = {
  id: string
  name: string
  /** Connections with live grants. `expiresInMs` is for all or for the nth, and may be negative. */
  seed(count: number, expiresInMs: number | ((index: number) => number)): Promise<Target[]>
  /** Connections that are as good, but whose grants the provider does not know: for reading alone. */
  seedUnknown(count: number, expiresInMs: number): Promise<Target[]>
  compare(): Promise<Ledger>
}

export type StageOptions = {
  server: DatabaseServer
  resources: Resources
  logDirectory: string
  replicas: number
  settings: Readonly<Record<string, string>>
}

/** Everything that is started is remembered in `resources`. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const { server, resources } = options
  const provider = startChild<ProviderFunctions>('provider-main')
  resources.add(() => provider.end())
  const load = startChild<LoadFunctions>('load-main')
  resources.add(() => load.end())
  const database = await server.newDatabase()
  resources.add(() => database.close())
  const key = randomBytes(32)
  const vault = createVault({ primary: key, retired: [] })
  const ports: number[] = []
  while (ports.length < options.replicas) {
    const port = await freePort(undefined)
    if (!ports.includes(port)) ports.push(port)
  }
  const { logDirectory, settings } = options
  const encryptionKey = key.toString('base64')
  const fleet = await startFleet({ ports, databaseUrl: database.url, encryptionKey, logDirectory, settings })
  resources.add(() => fleet.endAll())
  const base = { database, fleet, provider, load, encryptionKey, logDirectory }
  return {
    ...base,
    async addProvider(wanted) {
      const registration = await provider.create(wanted)
      const id = await registerProvider(fleet.urls[0] ?? '', wanted.name, wanted.graceMs, registration)
      return stageProvider(base, vault, wanted.name, id, registration)
    },
  }
}

function stageProvider(
  { database, provider }: Pick<Stage, 'database' | 'provider'>,
  vault: Vault,
  name: string,
  id: string,
  { clientId, tokenEndpoint }: Registration,
): StageProvider {
  let unknown = 0
  const store = (issued: readonly Issued[], expiresInMs: (index: number) => number): Promise<Target[]> =>
    seedConnections({ database, vault, providerId: id, clientId, tokenEndpoint, expiresInMs }, issued)
  return {
    id,
    name,
    async seed(count, expiresInMs) {
      const issued = await provider.issue(name, newConnectionIds(count))
      return store(issued, typeof expiresInMs === 'number' ? () => expiresInMs : expiresInMs)
    },
    seedUnknown(count, expiresInMs) {
      const made = newConnectionIds(count).map((subject) => ({ subject, ...tokensOf(unknown++) }))
      return store(made, () => expiresInMs)
    },
    compare: async () => compareLedger(database, vault, id, await provider.families(name)),
  }
}

/** As the lab names them: read-load.ts tells from a token whose it is. */
const tokensOf = (family: number): Pick<Issued, 'accessToken' | 'refreshToken'> => ({
  accessToken: `at_f${family}_g1_${'x'.repeat(32)}`,
  refreshToken: `rt_f${family}_g1_${'x'.repeat(32)}`,
})
