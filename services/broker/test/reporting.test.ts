import { createLogger, createMetricsRegistry } from '@dromos/runtime'
import { expect, test } from '@jest/globals'
import type { BrokerEvent } from '../src/domain/events.js'
import { createReporting } from '../src/reporting.js'

// What each event counts, as docs/metrics.md promises it to dashboards. That every name is documented: docs-live.test.ts.

const actor = {
  tenantId: undefined,
  clientId: undefined,
  keyId: undefined,
  requestId: 'r',
  ipAddress: undefined,
  userAgent: undefined,
}

/** The samples above 0 after one event, buckets and the count of all events left out. */
async function countedBy(type: BrokerEvent['type'], data: NonNullable<BrokerEvent['data']>): Promise<string[]> {
  const registry = createMetricsRegistry()
  const log = createLogger({ service: 'broker', level: 'silent' })
  const audit = { append: async () => undefined, note: () => undefined }
  const { report } = createReporting({ registry, log, audit, auditReads: 'batched', now: () => new Date() })
  await report({ type, actor, data })
  const text = await registry.metrics()
  expect(text).toContain(`broker_events_total{type="${type}"} 1`)
  return text
    .split('\n')
    .filter((line) => !/^(#|process_|nodejs_|broker_events_total|.*_bucket\{)/.test(line) && !/(^| 0)$/.test(line))
}

const provider_id = 'p1'

test.each<[BrokerEvent['type'], NonNullable<BrokerEvent['data']>, string[]]>([
  ['connection.created', { has_openid: false }, ['oauth_consents_created_total 1']],
  [
    'connection.created',
    { has_openid: true },
    ['oauth_consents_created_total 1', 'oauth_consents_with_openid_total 1'],
  ],
  [
    'oauth_flow_completed',
    { provider_id, duration_ms: 500, has_id_token: true },
    [
      'oauth_token_exchanges_total{status="success"} 1',
      'oauth_exchange_duration_seconds_sum 0.5',
      'oauth_exchange_duration_seconds_count 1',
      'oauth_id_tokens_returned_total 1',
    ],
  ],
  ['token_exchange_failed', { provider_id }, ['oauth_token_exchanges_total{status="error"} 1']],
  [
    'token_retrieved',
    { provider_id, has_id_token: false },
    ['oauth_token_get_total{provider="p1",has_id_token="false"} 1'],
  ],
  [
    'token_refreshed',
    { provider_id, duration_ms: 250 },
    [
      'token_refresh_total{outcome="success"} 1',
      'token_refresh_duration_seconds_sum 0.25',
      'token_refresh_duration_seconds_count 1',
    ],
  ],
  [
    'token_refresh_failed',
    { reason: 'provider_unavailable' },
    ['token_refresh_total{outcome="provider_unavailable"} 1'],
  ],
  ['token_refresh_fatal', { reason: 'revoked' }, ['token_refresh_total{outcome="fatal_revoked"} 1']],
  ['token_orphaned', { provider_id }, ['token_orphans_total 1']],
  ['connection.revoked', { outcome: 'unsupported' }, ['connection_revocations_total{outcome="unsupported"} 1']],
  ['provider_incident', { provider_id }, ['provider_incidents_total{provider="p1"} 1']],
  ['integrity_error', { field: 'credentials' }, ['vault_integrity_errors_total 1']],
  ['key.created', { client_id: 'c' }, []],
])('%s with %j counts what dashboards expect, and nothing else', async (type, data, counted) => {
  expect(await countedBy(type, data)).toEqual(counted)
})
