import { randomBytes } from 'node:crypto'
import { createTestDatabase } from '@dromos/local/test-database'
import { answerErrors, assignRequestId, createLogger, createMetricsRegistry, listenHttp } from '@dromos/runtime'
import express from 'express'
import pg from 'pg'
import type { Role } from '../../src/domain/caller.js'
import { createKey } from '../../src/flows/manage-clients.js'
import type { Report } from '../../src/flows/ports/audit.js'
import { guard } from '../../src/http/guard.js'
import { serveMetrics } from '../../src/http/metrics.js'
import { auditRouter, operationsRouter, type Health } from '../../src/http/operations.js'
import { providersRouter } from '../../src/http/providers.js'
import { createStores } from '../../src/postgres/create-stores.js'
import { openDatabase } from '../../src/postgres/database.js'
import { createReporting } from '../../src/reporting.js'
import { createVault } from '../../src/vault/vault.js'
import { request, type Answer, type RequestOptions } from '../harness/request.js'

// Owns the administration routes of a test on the real stores, without any OAuth. Does not own the whole broker: harness/.

export type Management = {
  /** With an admin's key of the tenant `default`, unless `key` says otherwise. */
  call(method: string, path: string, options?: RequestOptions): Promise<Answer>
  /** A new key of a client with these roles. */
  keyOf(tenantId: string, ...roles: Role[]): Promise<string>
  query<Row>(sql: string, values?: unknown[]): Promise<Row[]>
  report: Report
  close(): Promise<void>
}

const nobody = { clientId: undefined, keyId: undefined, requestId: 'test', ipAddress: undefined, userAgent: undefined }

export async function startManagement(options: { health?: Partial<Health> } = {}): Promise<Management> {
  const testDatabase = await createTestDatabase()
  const now = (): Date => new Date()
  const log = createLogger({ service: 'test', level: 'silent' })
  const database = openDatabase({
    url: testDatabase.url,
    poolSize: 4,
    applicationName: 'test',
    preparedStatements: true,
    onError: () => undefined,
  })
  const vault = createVault({ primary: randomBytes(32), retired: [] })
  const stores = createStores({ database, vault, now })
  const registry = createMetricsRegistry()
  const { report } = createReporting({ registry, log, audit: stores.audit, auditReads: 'batched', now })
  const ports = { ...stores, report, now }
  const health: Health = {
    isVaultUsable: () => true,
    pendingMigrations: () => stores.pendingMigrations(),
    incidents: () => [],
    ...options.health,
  }

  const app = express()
  app.set('etag', false)
  app.set('query parser', 'simple')
  app.use(assignRequestId)
  app.use(operationsRouter(health, serveMetrics(registry)))
  app.use(
    guard(
      { apiKeys: [], requireApiKey: true, allowedCidrs: undefined, trustedProxies: [], requestsPerSecondPerClient: 0 },
      ports,
    ),
  )
  app.use(providersRouter(ports), auditRouter(ports))
  app.use(answerErrors(log))
  const server = await listenHttp(app, { port: 0, host: '127.0.0.1' })
  const pool = new pg.Pool({ connectionString: testDatabase.url, max: 2 })

  let clients = 0
  const keyOf = async (tenantId: string, ...roles: Role[]): Promise<string> => {
    const wish = { tenantId, clientName: `client-${++clients}`, roles, mayReadRefreshTokens: false, expiresInDays: 1 }
    return (await createKey(ports, nobody, wish)).key
  }
  const key = await keyOf('default', 'admin')
  return {
    call: (method, path, how = {}) => request(`http://127.0.0.1:${server.port}`, method, path, { key, ...how }),
    keyOf,
    async query<Row>(sql: string, values: unknown[] = []) {
      return (await pool.query(sql, values)).rows as Row[]
    },
    report,
    async close() {
      await server.close()
      await stores.close()
      await Promise.all([database.close(), pool.end()])
      await testDatabase.drop()
    },
  }
}
