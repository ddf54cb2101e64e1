import { createKey } from '../../../broker/src/flows/manage-clients.js'
import { createClientStore } from '../../../broker/src/postgres/client-store.js'
import { openDatabase } from '../../../broker/src/postgres/database.js'
import { openAndConfirm } from '../../../broker/test/harness/completion.js'
import { comeBack, openLink, resultOf } from '../../../broker/test/harness/person.js'
import { request, type RequestOptions } from '../../../broker/test/harness/request.js'
import { operatorKey, startTestBroker, type TestBroker } from '../../../broker/test/harness/test-broker.js'
import { startTestGateway, type TestGateway } from '../gateway.js'

// Owns the whole system of a test: provider lab, PostgreSQL, broker, gateway. A person's browser meets the gateway only.

export const returnUrl = 'https://app.example/connected'

export type Stack = {
  broker: TestBroker
  gateway: TestGateway
  /** A key of an agent of tenant `default`, and of an agent of another tenant. */
  agentKey: string
  strangerKey: string
  /** A browser at the gateway; no key, redirects are not followed. */
  browser: { call(method: string, path: string, options?: RequestOptions): ReturnType<typeof request> }
  /** The person opens the link, signs in at the provider and comes back: the query of the return URL. */
  consent(authUrl: string, decide?: 'approve' | 'deny'): Promise<Record<string, string>>
  close(): Promise<void>
}

export async function startStack(): Promise<Stack> {
  const broker = await startTestBroker({
    environment: { ALLOWED_RETURN_DOMAINS: 'app.example', AUDIT_READS: 'strict' },
    endpoints: 'discovery',
    provider: { dpop: 'supported' },
    profile: { name: 'google', scopes: ['openid', 'email'] },
  })
  const [agentKey, strangerKey] = await createKeys(broker.databaseUrl)
  const gateway = await startTestGateway({ BROKER_BASE_URL: broker.url, BROKER_API_KEY: operatorKey })
  const browser: Stack['browser'] = {
    call: (method, path, options = {}) => request(gateway.url, method, path, options),
  }
  return {
    broker,
    gateway,
    agentKey,
    strangerKey,
    browser,
    async consent(authUrl, decide = 'approve') {
      const open = authUrl.includes('/auth/connect/') ? openAndConfirm : openLink
      const { location, cookie } = await open(browser, authUrl)
      return resultOf(await comeBack(browser, await broker.provider[decide](location), cookie))
    },
    async close() {
      await gateway.close()
      await broker.close()
    },
  }
}

/** Registers the same provider once more, as one whose tokens are bound to a key. */
export async function registerBound({ broker }: Pick<Stack, 'broker'>): Promise<void> {
  const { clientId: client_id, clientSecret: client_secret, issuer } = broker.provider
  const profile = { name: 'bound', client_id, client_secret, issuer, enable_discovery: true, dpop: true }
  const { status, text } = await broker.call('POST', '/providers', { body: { profile } })
  if (status !== 201) throw new Error(text)
}

async function createKeys(databaseUrl: string): Promise<[string, string]> {
  const database = openDatabase({
    url: databaseUrl,
    poolSize: 2,
    applicationName: 'gateway-test',
    preparedStatements: false,
    onError: () => undefined,
  })
  const now = (): Date => new Date()
  const ports = { clients: createClientStore(database, now), report: async () => undefined, now }
  const operator = {
    clientId: undefined,
    keyId: undefined,
    requestId: 'test',
    ipAddress: undefined,
    userAgent: undefined,
  }
  const create = async (tenantId: string): Promise<string> => {
    const wish = { tenantId, clientName: 'agent', roles: ['agent'] as const, mayReadRefreshTokens: false }
    return (await createKey(ports, operator, { ...wish, expiresInDays: undefined })).key
  }
  const keys: [string, string] = [await create('default'), await create('other')]
  await database.close()
  return keys
}
