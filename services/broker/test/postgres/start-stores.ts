import { randomBytes } from 'node:crypto'
import { createTestDatabase } from '@dromos/local/test-database'
import pg from 'pg'
import type { ConnectionKey } from '../../src/domain/connection.js'
import type { BrokerEvent, EventType } from '../../src/domain/events.js'
import { newAuthorizationRequestId, newConnectionId } from '../../src/domain/ids.js'
import { providerProfileSchema, type ProviderProfile } from '../../src/domain/provider-profile.js'
import type { Activation, ConsentOf, NewAuthorizationRequest } from '../../src/flows/ports/connections.js'
import type { CapturedCredentials } from '../../src/flows/ports/refresh.js'
import type { Vault } from '../../src/flows/ports/vault.js'
import { createStores, type Stores } from '../../src/postgres/create-stores.js'
import { type Database, type DatabaseOptions, openDatabase } from '../../src/postgres/database.js'
import { createVault } from '../../src/vault/vault.js'

/** Stores over a migrated database of their own, and a session beside them to look at rows and to age them. */
export type TestStores = Stores & {
  database: Database
  vault: Vault
  url: string
  /** Runs SQL outside the stores. */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  /** Further stores over the same database, as another process would have; closed with these. */
  replica(options?: Partial<DatabaseOptions>): { stores: Stores; database: Database }
  advance(ms: number): void
  stop(): Promise<void>
}

export async function startStores(options: Partial<DatabaseOptions> = {}): Promise<TestStores> {
  const testDatabase = await createTestDatabase()
  const vault = createVault({ primary: randomBytes(32), retired: [] })
  const beside = new pg.Client({ connectionString: testDatabase.url })
  beside.on('error', () => undefined)
  await beside.connect()
  let offsetMs = 0
  const now = (): Date => new Date(Date.now() + offsetMs)
  const opened: { stores: Stores; database: Database }[] = []
  const replica = (own: Partial<DatabaseOptions> = {}): { stores: Stores; database: Database } => {
    const database = openDatabase({
      url: testDatabase.url,
      poolSize: 10,
      applicationName: 'dromos-test',
      preparedStatements: true,
      onError: () => undefined,
      ...own,
    })
    const one = { database, stores: createStores({ database, vault, now }) }
    opened.push(one)
    return one
  }
  const first = replica(options)
  return {
    ...first.stores,
    database: first.database,
    vault,
    url: testDatabase.url,
    sql: async (text, values) => (await beside.query(text, values)).rows,
    replica,
    advance: (ms) => void (offsetMs += ms),
    async stop() {
      for (const { stores, database } of opened) {
        await stores.close()
        await database.close()
      }
      await beside.end()
      await testDatabase.drop()
    },
  }
}

/** A profile as checkProfile leaves it. */
export const oauthProfile = (members: Record<string, unknown> = {}): ProviderProfile =>
  providerProfileSchema.parse({
    name: 'acme-id',
    auth_type: 'oauth2',
    client_id: 'client-1',
    auth_url: 'https://id.example/authorize',
    token_url: 'https://id.example/token',
    ...members,
  })

/** An authorization request in the shape the consent flow makes; every member can be replaced. */
export const authorizationRequest = (members: Partial<NewAuthorizationRequest> = {}): NewAuthorizationRequest => ({
  id: newAuthorizationRequestId(),
  key: { tenantId: 'default', connectionId: newConnectionId() },
  workspaceId: 'ws-1',
  providerId: '',
  purpose: 'authorization',
  intent: 'connect',
  allowsAccountChange: false,
  binding: 'browser',
  scopes: ['openid', 'email'],
  returnUrl: 'https://app.example/done',
  variables: {},
  snapshot: {
    clientId: 'client-1',
    endpoints: {
      issuer: 'https://id.example',
      authorization: 'https://id.example/authorize',
      token: 'https://id.example/token',
      refresh: 'https://id.example/token',
      jwks: undefined,
      userinfo: undefined,
      revocation: undefined,
      par: undefined,
      demandsPar: false,
      sendsIssuer: true,
      secretMethod: undefined,
      refusesPkce: undefined,
    },
    redirectUri: 'https://broker.example/auth/callback',
    usesPkce: true,
    usesPar: false,
    expectsIdToken: true,
  },
  secrets: { codeVerifier: 'canary-code-verifier', nonce: 'canary-nonce' },
  completionChallenge: undefined,
  lifetimeMs: 600_000,
  openAtMost: 1_000,
  ...members,
})

/** A pending connection with its request; the provider is made when none is named. */
export async function givenPending(
  stores: TestStores,
  members: Partial<NewAuthorizationRequest> = {},
): Promise<NewAuthorizationRequest> {
  const providerId = members.providerId ?? (await givenProvider(stores))
  const request = authorizationRequest({ ...members, providerId })
  await stores.connections.create(
    {
      key: request.key,
      workspaceId: request.workspaceId,
      providerId,
      createdBy: 'operator',
      requestedScopes: request.scopes,
    },
    request,
    eventAbout(request.key, 'connection.created'),
  )
  return request
}

/** What a flow would have the audit say of it. */
export const eventAbout = ({ tenantId, connectionId }: ConnectionKey, type: EventType): BrokerEvent => ({
  type,
  actor: {
    tenantId,
    clientId: 'operator',
    keyId: 'key',
    requestId: 'request',
    ipAddress: undefined,
    userAgent: undefined,
  },
  connectionId,
})

export const givenProvider = (stores: TestStores, members: Record<string, unknown> = {}): Promise<string> =>
  stores.providers.create(oauthProfile({ name: `p-${randomBytes(6).toString('hex')}`, ...members }), undefined)

export const captured = (text = 'canary-access-token', expiresAtMs?: number): CapturedCredentials => ({
  sealed: Buffer.from(`sealed(${Buffer.from(text).toString('hex')})`),
  expiresAtMs,
  grantedScope: 'openid email',
})

export const nothingKnown = {
  account: undefined,
  variables: {},
  grantedToClientId: undefined,
  grantedAtOrigin: undefined,
  revocationUrl: undefined,
  requestedScopes: ['openid', 'email'],
}

/** Captures and activates as the consent flow does; false when the connection takes nothing any more. */
export async function activateWith(
  stores: TestStores,
  request: ConsentOf,
  grant: CapturedCredentials,
  members: Partial<Activation> = {},
): Promise<boolean> {
  await stores.authorizationRequests.capture(request, grant.sealed)
  const target = await stores.connections.activationTarget(request)
  if (target === undefined) return false
  return stores.connections.activate(request, target, { ...nothingKnown, ...grant, ...members }, [
    eventAbout(request.key, 'oauth_flow_completed'),
  ])
}

/** An active connection at version 1 and, so that tests can count its leases, at fence 0. */
export async function givenActive(
  stores: TestStores,
  members: Partial<NewAuthorizationRequest> = {},
): Promise<ConnectionKey> {
  const request = await givenPending(stores, members)
  await activateWith(stores, request, captured('first'))
  await stores.sql('update connections set fence = 0, credentials_fence = 0 where id = $1', [request.key.connectionId])
  return request.key
}
