import {
  durationBucketsSeconds,
  type FinishedRequest,
  type Logger,
  type MetricsRegistry,
  rememberChildren,
} from '@dromos/runtime'
import client from 'prom-client'
import { type BrokerEvent, type EventType, toAuditEntry } from './domain/events.js'
import type { Announce, AuditStore, Report } from './flows/ports/audit.js'
import type { HousekeepingTask } from './flows/ports/housekeeping.js'
import { createRotationGauge, type ObserveRotation } from './rotation-gauge.js'

// Owns the counter and the log line of everything that happens, and its audit row, unless a store wrote it together with what it
// tells of. Does not own the vocabulary (domain/events.ts).

type EventData = NonNullable<BrokerEvent['data']>

export type Reporting = {
  report: Report
  announce: Announce
  observeRequest(finished: FinishedRequest): void
  /** Rows that housekeeping has thrown away. */
  countHandled(task: HousekeepingTask, rows: number): void
  observeRotation: ObserveRotation
  observeDiscovery(outcome: 'success' | 'error', seconds: number): void
  observeVerification(outcome: 'success' | 'error', seconds: number): void
}

/** Events an unauthenticated stranger can cause: counted always, written to the audit only up to a rate. */
const strangersEvents = new Set<EventType>(['state_verification_failed', 'access_refused'])
const strangersPerMinute = 60

/** Events of the hot path: their audit row is batched, and only waited for in strict mode. */
const readEvents = new Set<EventType>(['token_retrieved'])

export function createReporting(options: {
  registry: MetricsRegistry
  log: Logger
  audit: Pick<AuditStore, 'append' | 'note'>
  auditReads: 'batched' | 'strict'
  now(): Date
}): Reporting {
  const { log, audit, auditReads, now } = options
  const metrics = createMetrics(options.registry)
  let strangers = { minute: 0, count: 0 }

  const isOverStrangersRate = (type: EventType): boolean => {
    if (!strangersEvents.has(type)) return false
    const minute = Math.floor(now().getTime() / 60_000)
    strangers = minute === strangers.minute ? { minute, count: strangers.count + 1 } : { minute, count: 1 }
    return strangers.count > strangersPerMinute
  }

  const tell = (event: BrokerEvent): void =>
    log.info({ requestId: event.actor.requestId, connectionId: event.connectionId, data: event.data }, event.type)

  const announce = (event: BrokerEvent): void => {
    metrics.count(event)
    tell(event)
  }

  async function report(event: BrokerEvent): Promise<void> {
    metrics.count(event)
    if (isOverStrangersRate(event.type)) return
    const isRead = readEvents.has(event.type)
    // A read's log line is the request line; everything else is an outcome of its own.
    if (!isRead) tell(event)
    if (isRead && auditReads === 'batched') return audit.note(toAuditEntry(event), () => metrics.auditFailures.inc())
    try {
      await audit.append(toAuditEntry(event))
    } catch (error) {
      metrics.auditFailures.inc()
      log.error({ requestId: event.actor.requestId, event: event.type, error }, 'audit row not written')
      if (isRead) throw error // strict mode: no token without its row
    }
  }

  return {
    report,
    announce,
    observeRequest: ({ method, route, status, durationSeconds }) =>
      metrics.request(method, route, String(status)).observe(durationSeconds),
    observeRotation: createRotationGauge(options.registry),
    countHandled: (task, rows) => metrics.housekeeping.inc({ task }, rows),
    observeDiscovery: (result, seconds) => {
      metrics.discoveries.inc({ result })
      if (result === 'success') metrics.discoverySeconds.observe(seconds)
    },
    observeVerification: (result, seconds) => {
      metrics.verifications.inc({ result })
      if (result === 'success') metrics.verificationSeconds.observe(seconds)
    },
  }
}

function createMetrics(registry: MetricsRegistry) {
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new client.Counter({ name, help, labelNames: [...labelNames], registers: [registry] })
  const histogram = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new client.Histogram({
      name,
      help,
      labelNames: [...labelNames],
      buckets: durationBucketsSeconds,
      registers: [registry],
    })

  const consents = counter('oauth_consents_created_total', 'Consents created, static credentials included')
  const openidConsents = counter('oauth_consents_with_openid_total', 'Consents created that ask for openid')
  const exchanges = counter('oauth_token_exchanges_total', 'Authorization codes exchanged', ['status'])
  const exchangeSeconds = histogram('oauth_exchange_duration_seconds', 'Duration of successful code exchanges')
  const idTokens = counter('oauth_id_tokens_returned_total', 'Code exchanges that brought an id_token')
  const reads = counter('oauth_token_get_total', 'Tokens read', ['provider', 'has_id_token'])
  const refreshes = counter('token_refresh_total', 'Refreshes by outcome', ['outcome'])
  const refreshSeconds = histogram('token_refresh_duration_seconds', 'Duration of successful refreshes, waits included')
  const orphans = counter('token_orphans_total', 'Token answers that came back under a lost fence and were kept aside')
  const revocations = counter('connection_revocations_total', 'Disconnects that are over, by outcome', ['outcome'])
  const incidents = counter('provider_incidents_total', 'Refusals of our client by a provider', ['provider'])
  const integrity = counter('vault_integrity_errors_total', 'Ciphertexts that did not open')
  const events = counter('broker_events_total', 'Everything reported, by event type', ['type'])
  for (const status of ['success', 'error']) exchanges.inc({ status }, 0)
  const event = rememberChildren((type) => events.labels(type))
  const read = rememberChildren((provider, hasIdToken) => reads.labels(provider, hasIdToken))
  const requests = histogram('http_request_duration_seconds', 'HTTP requests by route and status', [
    'method',
    'route',
    'status',
  ])

  // What an event counts beside itself. Labels: provider ids are bounded by the registry of providers; every other label is a
  // closed vocabulary.
  const counts: Readonly<Partial<Record<EventType, (data: EventData) => void>>> = {
    'connection.created': (data) => {
      consents.inc()
      if (data.has_openid === true) openidConsents.inc()
    },
    oauth_flow_completed: (data) => {
      exchanges.inc({ status: 'success' })
      observeMs(exchangeSeconds, data.duration_ms)
      if (data.has_id_token === true) idTokens.inc()
    },
    token_exchange_failed: () => exchanges.inc({ status: 'error' }),
    token_retrieved: (data) => read(providerOf(data), String(data.has_id_token === true)).inc(),
    token_refreshed: (data) => {
      refreshes.inc({ outcome: 'success' })
      observeMs(refreshSeconds, data.duration_ms)
    },
    token_refresh_failed: (data) => refreshes.inc({ outcome: String(data.reason) }),
    token_refresh_fatal: (data) => refreshes.inc({ outcome: `fatal_${String(data.reason)}` }),
    token_orphaned: () => orphans.inc(),
    'connection.revoked': (data) => revocations.inc({ outcome: String(data.outcome) }),
    provider_incident: (data) => incidents.inc({ provider: providerOf(data) }),
    integrity_error: () => integrity.inc(),
  }

  const count = ({ type, data = {} }: BrokerEvent): void => {
    event(type).inc()
    counts[type]?.(data)
  }

  return {
    count,
    auditFailures: counter('audit_write_failures_total', 'Audit rows that could not be written'),
    discoveries: counter('oidc_discovery_total', 'Metadata fetches', ['result']),
    discoverySeconds: histogram('oidc_discovery_duration_seconds', 'Duration of successful metadata fetches'),
    housekeeping: counter('housekeeping_rows_total', 'Rows handled by housekeeping', ['task']),
    verifications: counter('oidc_verifications_total', 'id_token verifications', ['result']),
    verificationSeconds: histogram(
      'oidc_verification_duration_seconds',
      'Duration of successful id_token verifications',
    ),
    request: rememberChildren((method, route, status) => requests.labels(method, route, status)),
  }
}

const providerOf = (data: EventData): string => String(data.provider_id ?? 'unknown')

function observeMs(histogram: { observe(seconds: number): void }, ms: unknown): void {
  if (typeof ms === 'number') histogram.observe(ms / 1000)
}
