import { expect, test } from '@jest/globals'
import { createLogger, createMetricsRegistry } from '@dromos/runtime'
import { createReporting as createBrokerReporting } from '../../../../services/broker/src/reporting.js'
import { createReporting as createGatewayReporting } from '../../../../services/gateway/src/reporting.js'
import { readAlertRules, readCompose, readScrapeJobs, readText } from './repository-files.js'

function metricsOfServices(): Set<string> {
  const registry = createMetricsRegistry()
  createBrokerReporting({
    registry,
    log: createLogger({ service: 'test', level: 'silent' }),
    audit: { append: () => Promise.resolve(), note: () => undefined },
    auditReads: 'batched',
    now: () => new Date(0),
  })
  const metrics = [...registry.getMetricsAsArray(), ...createGatewayReporting().registry.getMetricsAsArray()]
  return new Set(metrics.map((metric) => metric.name))
}

/** Names of series in an expression: without labels, durations, functions and keywords. */
const metricsIn = (expression: string): string[] =>
  (
    expression
      .replace(/\{[^}]*\}|\[[^\]]*\]|\b(by|offset)\s*(\([^)]*\)|\w+)/g, ' ')
      .match(/[a-z_]+(?![a-z_(])(?!\s*\()/g) ?? []
  ).filter((word) => word.includes('_'))

test('every alert watches a metric that a service has', () => {
  const known = metricsOfServices()
  for (const { alert, expr } of readAlertRules()) {
    const unknown = metricsIn(expr).filter((name) => !known.has(name.replace(/_(count|sum|bucket)$/, '')))
    expect([alert, unknown]).toEqual([alert, []])
  }
})

test('what must wake a person has a rule', () => {
  const watched = readAlertRules().flatMap((rule) => metricsIn(rule.expr))
  expect(watched).toEqual(
    expect.arrayContaining([
      'provider_incidents_total',
      'token_refresh_total',
      'vault_integrity_errors_total',
      'http_request_duration_seconds_count',
      'dromos_gateway_requests_total',
    ]),
  )
})

test('every alert says how urgent it is and what happened', () => {
  for (const { alert, labels, annotations } of readAlertRules())
    expect([alert, labels.severity, annotations.summary]).toEqual([
      alert,
      expect.stringMatching(/^(critical|warning)$/),
      expect.stringMatching(/\w/),
    ])
})

test('every alert is proven by a case', () => {
  const cases = readText('deploy/prometheus/alerts.test.yml')
  for (const { alert } of readAlertRules()) expect(cases).toContain(`alertname: ${alert}\n`)
})

test('both services are scraped, replica by replica, on their own port for metrics', () => {
  const { services } = readCompose()
  expect(readScrapeJobs().map((job) => job.job_name)).toEqual(['broker', 'gateway'])
  for (const { job_name: name, dns_sd_configs: targets } of readScrapeJobs()) {
    const port = Number(services[name]?.environment?.METRICS_PORT)
    expect(targets).toEqual([expect.objectContaining({ names: [name], type: 'A', port })])
    expect(services.prometheus?.networks.some((network) => services[name]?.networks.includes(network))).toBe(true)
  }
})
