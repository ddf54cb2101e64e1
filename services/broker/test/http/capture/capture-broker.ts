import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { createTestDatabase } from '@dromos/local/test-database'
import { assignRequestId, createLogger, type HttpServer, listenHttp, sendSecurityHeaders } from '@dromos/runtime'
import express from 'express'
import type { Caller } from '../../../src/domain/caller.js'
import { checkProfile } from '../../../src/domain/check-profile.js'
import type { Actor, BrokerEvent } from '../../../src/domain/events.js'
import { parseReturnUrlRule, type ReturnUrlRule } from '../../../src/domain/return-url.js'
import type { ConsentSettings } from '../../../src/flows/open-consent.js'
import { startConnection } from '../../../src/flows/start-connection.js'
import { captureRouter } from '../../../src/http/capture.js'
import { browserConsentRouter } from '../../../src/http/consent.js'
import { assignActor } from '../../../src/http/guard.js'
import { answerBrowserErrors } from '../../../src/http/pages/error-page.js'
import { createOAuth } from '../../../src/oauth/create-oauth.js'
import { createAuthorizationRequestStore } from '../../../src/postgres/authorization-request-store.js'
import { createCompletionStore } from '../../../src/postgres/completion-store.js'
import { createConnectionStore } from '../../../src/postgres/connection-store.js'
import { openDatabase } from '../../../src/postgres/database.js'
import { createProviderStore } from '../../../src/postgres/provider-store.js'
import { createVault } from '../../../src/vault/vault.js'
import { type Answer, request, type RequestOptions } from '../../harness/request.js'

// Owns the browser routes of a broker over real stores, a real vault and real HTTP, and a provider's API that checks keys.

const actor: Actor = {
  tenantId: 't1',
  clientId: 'c1',
  keyId: undefined,
  requestId: 'test',
  ipAddress: undefined,
  userAgent: undefined,
}
const caller: Caller = {
  tenantId: 't1',
  clientId: 'c1',
  keyId: 'k1',
  roles: ['agent'],
  mayReadRefreshTokens: false,
}

export type StartedCapture = { connectionId: string; ticket: string; state: string }
export type CaptureBroker = Awaited<ReturnType<typeof startCaptureBroker>>

export async function startCaptureBroker(options: { baseUrl?: string; binding?: 'browser' | 'none' } = {}) {
  const testDatabase = await createTestDatabase()
  const log = createLogger({ service: 'test', level: 'info', destination: silent() })
  const database = openDatabase({
    url: testDatabase.url,
    poolSize: 5,
    applicationName: 'capture-test',
    preparedStatements: true,
    onError: () => undefined,
  })
  await database.knex.raw(`insert into tenants (id, name) values ('t1', 'One')`)
  const vault = createVault({ primary: randomBytes(32), retired: [] })
  const api = await startProviderApi()
  let offsetMs = 0
  const now = () => new Date(Date.now() + offsetMs)
  const oauth = createOAuth({ now, allowedPrivateNetworks: ['127.0.0.0/8'], onRefused: () => undefined })
  const events: BrokerEvent[] = []
  const nothing = () => Promise.resolve()
  const ports = {
    ...oauth,
    now,
    vault,
    providers: createProviderStore(database, vault),
    connections: createConnectionStore(database, vault, now),
    authorizationRequests: createAuthorizationRequestStore(database, vault),
    completions: createCompletionStore(database),
    idempotency: { once: () => Promise.reject(new Error('not used by a browser')) },
    revoker: { revokeNow: nothing, revokeRejected: nothing, drain: nothing },
    report: async (event: BrokerEvent) => void events.push(event),
    announce: (event: BrokerEvent) => void events.push(event),
  }
  const baseUrl = options.baseUrl ?? 'http://localhost'
  const settings: ConsentSettings & { returnUrlRules: readonly ReturnUrlRule[] | undefined } = {
    baseUrl,
    redirectUri: `${baseUrl}/auth/callback`,
    stateKeys: [randomBytes(32)],
    returnUrlRules: ['app.example.com'].flatMap((rule) => parseReturnUrlRule(rule) ?? []),
    binding: options.binding ?? 'browser',
    openConsentsPerTenant: 1_000,
  }
  const app = express()
  app.set('query parser', 'simple')
  app.use(assignRequestId, sendSecurityHeaders, assignActor({ trustedProxies: [] }))
  app.use(browserConsentRouter(ports, settings), captureRouter({ ports, settings }), answerBrowserErrors(log))
  const server: HttpServer = await listenHttp(app, { port: 0, host: '127.0.0.1' })
  const url = `http://127.0.0.1:${server.port}`

  return {
    url,
    api,
    events,
    settings,
    ports,
    vault,
    advance: (ms: number) => void (offsetMs += ms),
    call: (method: string, path: string, how: RequestOptions = {}): Promise<Answer> => request(url, method, path, how),
    async query<Row>(sql: string, ...bindings: string[]): Promise<Row[]> {
      const { rows } = await database.knex.raw<{ rows: Row[] }>(sql, bindings)
      return rows
    },
    /** Registers a provider and answers its id. */
    register: (profile: Record<string, unknown>): Promise<string> =>
      ports.providers.create(checkProfile({ auth_type: 'api_key', ...profile }, { hasSecret: false }), {
        secrets: ['client-secret'],
        privateKeyJwk: undefined,
      }),
    /** An agent asks for a connection with it. */
    async start(providerId: string, returnUrl = 'https://app.example.com/done?tab=1'): Promise<StartedCapture> {
      const wish = {
        workspaceId: 'w1',
        provider: { id: providerId },
        scopes: undefined,
        returnUrl,
        variables: {},
        completionChallenge: undefined,
      }
      const spec = await startConnection(ports, settings, caller, actor, wish)
      return {
        connectionId: spec.connection_id,
        state: spec.state,
        ticket: new URL(spec.authUrl).pathname.split('/').pop() ?? '',
      }
    },
    /** What the connection holds now, opened. */
    async held(connectionId: string) {
      const row = await ports.connections.readCredentials({ tenantId: 't1', connectionId })
      const context = { tenantId: 't1', recordId: connectionId, field: 'credentials', version: 1 } as const
      return {
        status: row?.status,
        reason: row?.reason,
        credentials: row?.sealedCredentials && (JSON.parse(vault.open(row.sealedCredentials, context)) as unknown),
      }
    },
    async close() {
      await server.close()
      oauth.close()
      await database.close()
      await api.close()
      await testDatabase.drop()
    },
  }
}

/** An API that accepts one key and can be told to answer anything else. */
async function startProviderApi() {
  const seen: { authorization: string | undefined; key: string | undefined }[] = []
  let status: number | undefined
  const server = createServer((incoming, outgoing) => {
    const header = incoming.headers['x-acme-key']
    const key = typeof header === 'string' ? header : undefined
    seen.push({ authorization: incoming.headers.authorization, key })
    outgoing.writeHead(status ?? (key === 'good-key-0123456789' ? 200 : 401)).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    answers: (next: number | undefined) => void (status = next),
    close: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  }
}

const silent = () => new Writable({ write: (_chunk, _encoding, done) => done() })

/** The one cookie an answer sets, as the next request sends it. */
export const cookieOf = (answer: Answer): string => (answer.headers.getSetCookie()[0] ?? '').split(';')[0] ?? ''

/** The value of a hidden field. */
export const csrfOf = (answer: Answer): string => /name="_csrf" value="([^"]+)"/.exec(answer.text)?.[1] ?? ''

/** The result parameters of a redirect. */
export const resultOf = (answer: Answer): Record<string, string> =>
  Object.fromEntries(new URL(answer.headers.get('location') ?? 'http://nowhere.invalid').searchParams)

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
