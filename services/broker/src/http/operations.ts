// Owns what operators look at: liveness, readiness, metrics, the audit.
// Does not own what is counted or recorded: reporting.ts.
import { ServiceError } from '@dromos/contract'
import { refuseMethod } from '@dromos/runtime'
import { Router, type RequestHandler } from 'express'
import type { Incident } from '../domain/incident.js'
import type { AuditRow } from '../flows/ports/audit.js'
import type { Ports } from '../flows/ports/ports.js'
import { callerAs } from './guard.js'
import { singleQuery } from './input.js'
import { readCursor, readLimit, takePage } from './paging.js'

/** What readiness looks at. The database is reachable when the pending migrations could be asked for. */
export type Health = {
  pendingMigrations(): Promise<readonly string[]>
  isVaultUsable(): boolean
  /** For people to see; a provider in trouble makes no replica unready. */
  incidents(): readonly Incident[]
}

const checkTimeoutMs = 2_000

/** Unguarded. `metrics` undefined = /metrics is served on a port of its own. */
export function operationsRouter(health: Health, metrics: RequestHandler | undefined): Router {
  const router = Router()
  // Liveness looks at nothing but this process: a restart mends no database.
  const sayHealthy: RequestHandler = (_request, response) => void response.json({ status: 'healthy' })
  for (const path of ['/health', '/healthz']) router.route(path).get(sayHealthy).all(refuseMethod('GET'))

  const look = shareRuns(() => runChecks(health))
  router
    .route('/readyz')
    .get(async (_request, response) => {
      const checks = await look()
      const isReady = Object.values(checks).every((outcome) => outcome === 'ok')
      response.set('Cache-Control', 'no-store').status(isReady ? 200 : 503)
      const incidents = health.incidents().map(toIncident)
      response.json({ status: isReady ? 'ready' : 'unavailable', checks, incidents })
    })
    .all(refuseMethod('GET'))
  if (metrics !== undefined) router.route('/metrics').get(metrics).all(refuseMethod('GET'))
  return router
}

const toIncident = ({ providerId, error, sinceMs }: Incident) => ({
  provider_id: providerId,
  error,
  since: new Date(sinceMs).toISOString(),
})

type Outcome = 'ok' | 'failed'
type Checks = { database: Outcome; migrations: Outcome; vault: Outcome }

async function runChecks(health: Health): Promise<Checks> {
  const pending = await within(checkTimeoutMs, health.pendingMigrations())
  return {
    database: pending === undefined ? 'failed' : 'ok',
    migrations: pending?.length === 0 ? 'ok' : 'failed',
    vault: health.isVaultUsable() ? 'ok' : 'failed',
  }
}

/** undefined when the work fails or takes longer. */
async function within<Result>(timeoutMs: number, work: Promise<Result>): Promise<Result | undefined> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs)
  })
  try {
    return await Promise.race([work, tooLong])
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
  }
}

// Anybody may ask: callers that ask at the same time share one look at the database.
function shareRuns<Result>(run: () => Promise<Result>): () => Promise<Result> {
  let running: Promise<Result> | undefined
  return () => {
    running ??= run().finally(() => (running = undefined))
    return running
  }
}

const auditPage = { byDefault: 50, max: 1000 }

/** Guarded; role `admin`. The audit of the caller's tenant, newest first. */
export function auditRouter(ports: Pick<Ports, 'audit'>): Router {
  const router = Router()
  router
    .route('/audit')
    .get(async (request, response) => {
      const caller = callerAs(response, 'admin')
      const { query } = request
      const limit = readLimit(query, auditPage)
      const rows = await ports.audit.list({
        tenantId: caller.tenantId,
        eventType: readFilter(query, 'event_type'),
        connectionId: readFilter(query, 'connection_id'),
        clientId: readFilter(query, 'client_id'),
        since: readTime(query, 'since'),
        until: readTime(query, 'until'),
        before: readCursor(query, (text) => /^[1-9]\d{0,17}$/.test(text)),
        limit: limit + 1,
      })
      response.set('Cache-Control', 'no-store').json(takePage(request, response, rows, limit).map(toItem))
    })
    .all(refuseMethod('GET'))
  return router
}

type Query = Readonly<Record<string, unknown>>

function readFilter(query: Query, name: string): string | undefined {
  const text = singleQuery(query, name)
  if (text !== undefined && !/^[\x21-\x7e]{1,128}$/.test(text))
    throw new ServiceError('invalid_request', `${name}: 1 to 128 visible ASCII characters`)
  return text
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/

function readTime(query: Query, name: 'since' | 'until'): Date | undefined {
  const text = singleQuery(query, name)
  if (text === undefined) return undefined
  const timeMs = rfc3339.test(text) ? Date.parse(text) : NaN
  if (Number.isNaN(timeMs))
    throw new ServiceError(
      name === 'since' ? 'invalid_since' : 'invalid_request',
      `${name}: give an RFC 3339 time such as 2026-01-02T03:04:05Z (encode "+" as %2B)`,
    )
  return new Date(timeMs)
}

// The members of the v1 item; `event_data` is an object, not a string that holds one (contract, fault 68).
const toItem = (row: AuditRow) => ({
  id: row.id,
  connection_id: row.connectionId,
  event_type: row.eventType,
  event_data: row.eventData,
  client_id: row.clientId,
  key_id: row.keyId,
  request_id: row.requestId,
  ip_address: row.ipAddress,
  user_agent: row.userAgent,
  created_at: row.createdAt.toISOString(),
})
