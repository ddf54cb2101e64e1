import { createMetricsRegistry, createLogger } from '@dromos/runtime'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createReporting as createBrokerReporting } from '../../../../services/broker/src/reporting.js'
import { createReporting as createGatewayReporting } from '../../../../services/gateway/src/reporting.js'
import { startStack, type Stack } from '../../../../services/gateway/test/both-edges/stack.js'
import { blocksOf, codeOf, nameOf, readText, tableRows } from './doc-page.js'

// Owns the promise that what only running services show agrees with docs/metrics.md and docs/providers.md.

let stack: Stack
beforeAll(async () => {
  stack = await startStack()
})
afterAll(() => stack.close())

const page = readText('docs/metrics.md')
const documented = (heading: string): { name: string; type: string; labels: string[] }[] =>
  tableRows(page, 'Name', heading).map((row) => ({
    name: nameOf(row.Name),
    type: row.Type ?? '',
    labels: codeOf(row.Labels).sort(),
  }))

const isOurs = (name: string): boolean => !/^(process|nodejs)_/.test(name)

async function scrape(url: string): Promise<string> {
  const answer = await fetch(`${url}/metrics`)
  return answer.text()
}

const typesIn = (text: string): { name: string; type: string }[] =>
  [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
    .map((match) => ({ name: match[1] ?? '', type: match[2] ?? '' }))
    .filter(({ name }) => isOurs(name))

/** prom-client keeps the declared labels of a metric where its types do not show them. */
function labelsOf(metrics: readonly object[]): { name: string; labels: string[] }[] {
  return metrics
    .map((metric) => ({
      name: 'name' in metric ? String(metric.name) : '',
      labels: 'labelNames' in metric && Array.isArray(metric.labelNames) ? metric.labelNames.map(String).sort() : [],
    }))
    .filter(({ name }) => isOurs(name))
}

const byName = <Item extends { name: string }>(items: readonly Item[]): Item[] =>
  [...items].sort((one, other) => (one.name < other.name ? -1 : 1))

describe('docs/metrics.md', () => {
  const services = [
    { heading: '## Broker', url: () => stack.broker.url, declared: brokerMetrics },
    { heading: '## Gateway', url: () => stack.gateway.url, declared: () => createGatewayReporting().registry },
  ]

  test.each(services)(
    '$heading has every metric of the running service, and none besides',
    async ({ heading, url }) => {
      const names = documented(heading).map(({ name, type }) => ({ name, type }))
      expect(byName(names)).toEqual(byName(typesIn(await scrape(url()))))
    },
  )

  test.each(services)('$heading has the labels the code declares', ({ heading, declared }) => {
    const names = documented(heading).map(({ name, labels }) => ({ name, labels }))
    expect(byName(names)).toEqual(byName(labelsOf(declared().getMetricsAsArray())))
  })

  test('no label of a walk through both services holds an id, an address or a URL', async () => {
    const id = await connect()
    await ask('POST', `/v1/refresh/${id}`)
    await ask('GET', `/v1/token/${'x'.repeat(20)}`)
    await ask('GET', `/nowhere/${id}`)
    const series = (await Promise.all([scrape(stack.broker.url), scrape(stack.gateway.url)])).join('\n')
    expect(series).toContain('token_refresh_total{outcome="success"} 1')
    const values = [...series.matchAll(/(\w+)="([^"]*)"/g)].map((match) => ({
      label: match[1] ?? '',
      value: match[2] ?? '',
    }))
    const unbounded = values.filter(({ label, value }) =>
      label === 'provider' ? value !== stack.broker.providerId : /cn_|x{20}|nowhere|\?|:\/\/|127\.0\.0\.1/.test(value),
    )
    expect(unbounded).toEqual([])
  })

  test('the names of the v1 contract are all there', () => {
    const frozen = tableRows(page, 'Name').filter((row) => row.v1 === 'v1')
    expect(frozen.map((row) => nameOf(row.Name)).sort()).toEqual([
      'oauth_consents_created_total',
      'oauth_consents_with_openid_total',
      'oauth_exchange_duration_seconds',
      'oauth_id_tokens_returned_total',
      'oauth_token_exchanges_total',
      'oauth_token_get_total',
      'oidc_discovery_duration_seconds',
      'oidc_discovery_total',
      'oidc_verification_duration_seconds',
      'oidc_verifications_total',
    ])
  })
})

describe('docs/providers.md', () => {
  const recipes = blocksOf(readText('docs/providers.md'))
    .filter(({ info }) => info === 'json')
    .map(({ text }): [string, unknown] => {
      const body = JSON.parse(text) as { profile: { name: string } }
      // The stack's own provider has a name of the page already.
      return [body.profile.name, { profile: { ...body.profile, name: `recipe-${body.profile.name}` } }]
    })

  test.each(recipes)('the recipe %s is accepted by the broker', async (_name, body) => {
    expect(await stack.broker.call('POST', '/providers', { body })).toMatchObject({ status: 201 })
  })

  test('there are recipes of every auth type', () => {
    const types = recipes.map(([, body]) => (body as { profile: { auth_type?: string } }).profile.auth_type ?? 'oauth2')
    expect(new Set(types).size).toBe(7)
  })
})

function brokerMetrics() {
  const registry = createMetricsRegistry()
  const log = createLogger({ service: 'test', level: 'silent' })
  createBrokerReporting({
    registry,
    log,
    audit: { append: async () => {}, note: () => undefined },
    auditReads: 'batched',
    now: () => new Date(),
  })
  return registry
}

async function ask(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const answer = await fetch(`${stack.gateway.url}${path}`, {
    method,
    headers: { 'x-api-key': stack.agentKey },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return (await answer.json()) as Record<string, unknown>
}

async function connect(): Promise<string> {
  const wish = { user_id: 'u1', provider_name: 'google', return_url: 'https://app.example/connected' }
  const { authUrl, connection_id: id } = await ask('POST', '/v1/request-connection', wish)
  await stack.consent(String(authUrl))
  await ask('GET', `/v1/token/${String(id)}`)
  return String(id)
}
