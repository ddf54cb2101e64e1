import { randomBytes } from 'node:crypto'
import { Writable } from 'node:stream'
import { keyMark, searchForLeaks, suiteOfCaller } from '@dromos/local/leak-canary'
import { createTestDatabase } from '@dromos/local/test-database'
import { type LabProvider, type LabProviderOptions, type ProviderLab, startProviderLab } from 'dromos-lab'
import { createLogger } from '@dromos/runtime'
import pg from 'pg'
import { type Broker, startBroker } from '../../src/app.js'
import { parseConfig } from '../../src/config.js'
import type { EgressWays } from '../../src/oauth/outbound-fetch.js'
import { type Answer, request, type RequestOptions } from './request.js'

// Owns one broker of a test: the real application over real HTTP, a database of its own, and a provider of the lab.
// Does not own how a person consents: person.ts.

export const operatorKey = 'operator-key-of-the-tests'
export const returnUrl = 'https://app.example.com/done'

export type TestBroker = {
  url: string
  databaseUrl: string
  /** The lab's provider, registered as `acme`. */
  provider: LabProvider
  providerId: string
  /** Moves the broker's clock and the provider's together; never the database's. */
  advance(ms: number): void
  call(method: string, path: string, options?: RequestOptions): Promise<Answer>
  query<Row>(sql: string, values?: unknown[]): Promise<Row[]>
  /** Everything the broker logged so far, one JSON text per line. */
  logged(): string
  /** Another replica on the same database. */
  replica(): Promise<Pick<TestBroker, 'url' | 'call' | 'close'>>
  close(): Promise<void>
}

export type TestBrokerOptions = {
  environment?: Record<string, string>
  provider?: LabProviderOptions
  /** Members of the registered profile beside client and endpoints. */
  profile?: Record<string, unknown>
  /** Resolution of endpoints: `explicit` (default) or by discovery. */
  endpoints?: 'explicit' | 'discovery'
  egress?: EgressWays
}

export async function startTestBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const suite = suiteOfCaller()
  const database = await createTestDatabase()
  const lab: ProviderLab = await startProviderLab({ seed: 1 })
  const provider = lab.createProvider({ redirectUris: ['http://localhost/auth/callback'], ...options.provider })
  let offsetMs = 0
  let logged = ''
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      logged += chunk.toString()
      done()
    },
  })
  const config = parseConfig({ ...testEnvironment(database.url), ...options.environment })
  const log = createLogger({ service: 'broker', level: config.logLevel, destination: sink })
  const start = (): Promise<Broker> => startBroker(config, log, () => new Date(Date.now() + offsetMs), options.egress)
  const broker = await start()
  const pool = new pg.Pool({ connectionString: database.url, max: 2 })
  const replicas: Broker[] = []
  const surface = (running: Broker) => {
    const url = `http://127.0.0.1:${running.port}`
    return {
      url,
      async call(method: string, path: string, how: RequestOptions = {}) {
        const answer = await request(url, method, path, { key: operatorKey, ...how })
        searchAnswer(suite, path, answer)
        return answer
      },
    }
  }
  const main = surface(broker)

  const registered = await main.call('POST', '/providers', { body: { profile: profileOf(provider, options) } })
  if (registered.status !== 201) throw new Error(`the provider was not registered: ${JSON.stringify(registered.body)}`)

  return {
    ...main,
    databaseUrl: database.url,
    provider,
    providerId: String(registered.body.id),
    advance(ms) {
      offsetMs += ms
      provider.clock.advance(ms)
    },
    async query<Row>(sql: string, values: unknown[] = []) {
      return (await pool.query(sql, values)).rows as Row[]
    },
    logged: () => logged,
    async replica() {
      const another = await start()
      replicas.push(another)
      return { ...surface(another), close: () => another.close() }
    },
    async close() {
      const metrics = await request(main.url, 'GET', '/metrics', { key: operatorKey }).catch(() => undefined)
      searchForLeaks('metrics', suite, metrics?.text ?? '')
      await Promise.all([broker, ...replicas].map((each) => each.close()))
      searchForLeaks('log', suite, logged)
      await pool.end()
      await lab.close()
      await database.drop()
    },
  }
}

/** No secret belongs in a refusal, nor in what the application is told when a person comes back to it. */
function searchAnswer(suite: string, path: string, { status, text, headers }: Answer): void {
  const location = headers.get('location') ?? ''
  if (status >= 400)
    searchForLeaks(`the ${status} of ${path.split('?')[0]}`, suite, text + JSON.stringify([...headers]))
  if (location.startsWith(returnUrl)) searchForLeaks('a redirect to the application', suite, location)
}

const markedKey = (): string =>
  Buffer.concat([Buffer.from(keyMark), randomBytes(32 - keyMark.length)]).toString('base64')

/** What a broker of the tests is configured with; keys are new with each call. */
export const testEnvironment = (databaseUrl: string): Record<string, string> => ({
  PORT: '0',
  DATABASE_URL: databaseUrl,
  BASE_URL: 'http://localhost',
  ENCRYPTION_KEY: markedKey(),
  STATE_KEY: markedKey(),
  API_KEY: operatorKey,
  ALLOWED_RETURN_DOMAINS: 'app.example.com',
  EGRESS_ALLOW_PRIVATE_NETWORKS: '127.0.0.0/8,::1/128',
  DATABASE_POOL_SIZE: '4',
  SCHEDULER: 'off', // tests move the clock: nothing but the test may refresh
})

function profileOf(provider: LabProvider, options: TestBrokerOptions): Record<string, unknown> {
  const client = {
    name: 'acme',
    auth_type: 'oauth2',
    client_id: provider.clientId,
    client_secret: provider.clientSecret,
  }
  const endpoints =
    options.endpoints === 'discovery'
      ? { issuer: provider.issuer, enable_discovery: true }
      : {
          issuer: provider.issuer,
          auth_url: provider.authorizationEndpoint,
          token_url: provider.tokenEndpoint,
          jwks_url: provider.jwksUri,
          sends_issuer: true,
        }
  return { ...client, ...endpoints, refresh_policy: { mode: 'rotates' }, ...options.profile }
}
