import {
  type NewProvider,
  newConnectionIds,
  type ProviderFunctions,
  registerProvider,
  type Registration,
  type Remote,
  seedConnections,
  startChild,
} from '@dromos/prove'
import type { Pair } from './pair.js'
import type { Run } from './scenario.js'

// Owns a provider that answers: the lab of packages/provider-lab as a process of its own, known to the pair.

export type Lab = {
  provider: Remote<ProviderFunctions>
  registration: Registration
  /** Its id at the broker. */
  providerId: string
  /** Connections with live grants; answers their ids. Milliseconds from now at which each access token ends; negative = has ended. */
  addConnections(count: number, expiresInMs: number): Promise<string[]>
}

export type LabOptions = Pick<NewProvider, 'latency'>

const hourSeconds = 3_600

export async function startLab(run: Run, pair: Pair, options: LabOptions): Promise<Lab> {
  const provider = startChild<ProviderFunctions>('provider-main')
  run.resources.add(() => provider.end())
  const name = 'lab'
  const registration = await provider.create({ name, graceMs: 0, accessTokenSeconds: hourSeconds, ...options })
  const providerId = await registerProvider(pair.brokerUrl, name, 0, registration)
  const { database, vault } = pair
  const { clientId, tokenEndpoint } = registration
  return {
    provider,
    registration,
    providerId,
    async addConnections(count, expiresInMs) {
      const issued = await provider.issue(name, newConnectionIds(count))
      const seed = { database, vault, providerId, clientId, tokenEndpoint, expiresInMs: () => expiresInMs }
      return (await seedConnections(seed, issued)).map(({ id }) => id)
    },
  }
}
