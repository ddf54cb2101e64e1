import { type LabProviderOptions, type ProviderLab, startProviderLab } from 'dromos-lab'
import { afterAll, beforeAll } from '@jest/globals'
import { startTestBroker, type TestBroker } from './test-broker.js'

// Owns providers beside the broker's own, so that one broker serves many tests and no switch or cached key set of one
// test reaches the next.

export type AddedProviderOptions = {
  provider?: LabProviderOptions
  /** Members of the registered profile beside client and endpoints. */
  profile?: Record<string, unknown>
  /** Resolution of endpoints: by `discovery` (default) or `explicit`. */
  endpoints?: 'explicit' | 'discovery'
}

export type MoreProviders = {
  /** Registers another provider of the lab and answers the same broker with it as `provider`. */
  add(options?: AddedProviderOptions): Promise<TestBroker>
  close(): Promise<void>
}

/** ES256 unless the options say otherwise: an RSA key takes longer than a whole test. */
export async function startMoreProviders(broker: TestBroker, given?: ProviderLab): Promise<MoreProviders> {
  const lab = given ?? (await startProviderLab({ seed: 7 }))
  let count = 0
  return {
    async add({ provider: options = {}, profile = {}, endpoints = 'discovery' } = {}) {
      const provider = lab.createProvider({
        redirectUris: ['http://localhost/auth/callback'],
        signingAlg: 'ES256',
        ...options,
      })
      const places =
        endpoints === 'discovery'
          ? { enable_discovery: true }
          : { auth_url: provider.authorizationEndpoint, token_url: provider.tokenEndpoint, jwks_url: provider.jwksUri }
      const answer = await broker.call('POST', '/providers', {
        body: {
          profile: {
            name: `more-${++count}`,
            auth_type: 'oauth2',
            client_id: provider.clientId,
            client_secret: provider.clientSecret,
            issuer: provider.issuer,
            refresh_policy: { mode: 'rotates' },
            id_token: { signing_algs: [options.signingAlg ?? 'ES256'] },
            ...places,
            ...profile,
          },
        },
      })
      if (answer.status !== 201) throw new Error(`not registered: ${answer.status} ${answer.text}`)
      return { ...broker, provider, providerId: String(answer.body.id) }
    },
    close: () => lab.close(),
  }
}

/** For the top of a test file: one broker for all of its tests, and the providers they add, ended after the last. */
export function provideForSuite(): Pick<MoreProviders, 'add'> & { broker(): TestBroker } {
  let running: { broker: TestBroker; providers: MoreProviders } | undefined
  beforeAll(async () => {
    const broker = await startTestBroker()
    running = { broker, providers: await startMoreProviders(broker) }
  })
  afterAll(async () => {
    await running?.providers.close()
    await running?.broker.close()
  })
  const current = () => {
    if (running === undefined) throw new Error('the suite has not started: ask inside a test')
    return running
  }
  return { add: (options) => current().providers.add(options), broker: () => current().broker }
}
