import { errorReasons, isErrorReason } from '@dromos/contract'
import { createLogger, createMetricsRegistry } from '@dromos/runtime'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { providerProfileSchema, secretMembers } from '../src/domain/provider-profile.js'
import { serveMetrics } from '../src/http/metrics.js'
import { createServer, type ServerDependencies } from '../src/http/server.js'
import { askForConsent, connected, readTokenOf, refreshOf } from './harness/person.js'
import type { RequestOptions } from './harness/request.js'
import { keyFor } from './harness/tenants.js'
import { returnUrl, startTestBroker, type TestBroker } from './harness/test-broker.js'
import { document, media, membersOf, operations, problemsOf, resolve } from './openapi-document.js'

// Owns the promise that services/broker/openapi.yaml and the routes of the broker are the same.

let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker()
})
afterAll(() => broker.close())

type Layer = { route?: { path: string; methods: Record<string, boolean> }; handle?: { stack?: Layer[] } }

/** `GET /connections/{connection_id}/token`, from express's own table. No handler runs, so the ports can be empty. */
function routesInCode(): string[] {
  const app = createServer({
    ports: {} as ServerDependencies['ports'],
    settings: { baseUrl: 'https://connect.example.com' } as ServerDependencies['settings'],
    config: { apiKeys: [], requireApiKey: true, allowedCidrs: undefined, trustedProxies: [], requestsPerSecondPerClient: 0 } as unknown as ServerDependencies['config'],
    reporting: { observeRequest: () => undefined } as unknown as ServerDependencies['reporting'],
    health: { pendingMigrations: async () => [], isVaultUsable: () => true, incidents: () => [] },
    metrics: serveMetrics(createMetricsRegistry()),
    log: createLogger({ service: 'broker', level: 'silent' }),
  }) // prettier-ignore
  const flatten = (layers: readonly Layer[]): Layer[] =>
    layers.flatMap((layer) => [layer, ...flatten(layer.handle?.stack ?? [])])
  return flatten((app.router as unknown as { stack: Layer[] }).stack).flatMap(({ route }) =>
    Object.keys(route?.methods ?? {})
      .filter((method) => method !== '_all')
      .map((method) => `${method.toUpperCase()} ${route?.path.replaceAll(/:(\w+)/g, (_, name: string) => `{${snakeCase(name)}}`)}`),
  ) // prettier-ignore
}

const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

test('every route is documented and every documented route exists', () => {
  expect(operations.map(({ name }) => name).sort()).toEqual(routesInCode().sort())
})

const samplePath = (path: string): string =>
  path
    .replace('{connection_id}', `cn_${'0'.repeat(32)}`)
    .replace('{provider_id}', '00000000-0000-4000-8000-000000000000')
    .replaceAll(/\{\w+\}/g, 'sample')

test('a key is documented as needed exactly where it is', async () => {
  const open = operations.filter(({ node }) => Array.isArray(node.security) && node.security.length === 0)
  const answers = await Promise.all(
    operations.map(async ({ name, method, path }) => {
      const { body } = await broker.call(method, samplePath(path), { key: null })
      return { name, isOpen: body.code !== 'missing_api_key' }
    }),
  )
  expect(answers.filter(({ isOpen }) => isOpen).map(({ name }) => name)).toEqual(open.map(({ name }) => name))
})

test('the role a route needs is the documented one', async () => {
  const keys = { agent: await keyOf('agent'), admin: await keyOf('admin') }
  const guarded = operations.filter(({ node }) => node.security === undefined)
  const found = await Promise.all(
    guarded.map(async ({ name, method, path }) => {
      const isRefused = async (key: string) =>
        (await broker.call(method, samplePath(path), { key })).body.code === 'access_denied'
      const [agent, admin] = [!(await isRefused(keys.agent)), !(await isRefused(keys.admin))]
      return [name, [...(agent ? ['agent'] : []), ...(admin ? ['admin'] : [])].join(' or ')]
    }),
  )
  expect(found).toEqual(guarded.map(({ name, node }) => [name, node['x-role']]))
})

test('no operation id is used twice, every reference leads somewhere', () => {
  const ids = operations.map(({ node }) => node.operationId)
  expect(new Set(ids).size).toBe(ids.length)
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? '')
  expect(references.filter(($ref) => Object.keys(resolve({ $ref })).length === 0)).toEqual([])
})

describe('the examples of', () => {
  test.each(media.filter(({ examples }) => examples.length > 0))('$title fit their schema', ({ status, schema, examples }) => {
    for (const example of examples) {
      expect(problemsOf(schema, example)).toEqual([])
      const { code } = membersOf(example)
      if (!isErrorReason(code)) continue
      const { http, title } = errorReasons[code]
      expect(example).toMatchObject({ status: http, title, error: code, type: `urn:dromos:error:${code}` })
      expect(http).toBe(status)
    }
  }) // prettier-ignore

  test('every JSON request and every successful JSON answer exist', () => {
    const without = media.filter(({ status, examples }) => status < 300 && examples.length === 0)
    expect(without.map(({ title }) => title)).toEqual([])
  })
})

describe('secrets', () => {
  test('the schema of a profile has every member the code accepts, and none besides', () => {
    const { ProviderProfile, OpenProfile } = membersOf(membersOf(document.components).schemas)
    const documented = [ProviderProfile, OpenProfile].flatMap((each) => Object.keys(membersOf(membersOf(each).properties)))
    expect(documented.sort()).toEqual(Object.keys(providerProfileSchema.shape).sort())
    const writeOnly = Object.entries(membersOf(membersOf(ProviderProfile).properties))
    expect(writeOnly.filter(([, each]) => membersOf(each).writeOnly === true).map(([name]) => name).sort()).toEqual([...secretMembers].sort())
  }) // prettier-ignore

  test('no answer has a member for a client secret, and only a token has one for a refresh token (A81)', () => {
    const answers = media.filter(({ status }) => status !== 0)
    const members = answers.flatMap(({ schema }) => memberNames(schema, new Set()))
    const named = (pattern: RegExp) => [...new Set(members.filter((name) => pattern.test(name)))]
    expect(named(/secret|private_key/)).toEqual(['client_secret_set'])
    expect(named(/refresh_token/)).toEqual(['refresh_token'])
    const holders = answers.filter(({ schema }) => memberNames(schema, new Set()).includes('refresh_token'))
    expect(holders.map(({ title }) => title)).toEqual([
      'GET /connections/{connection_id}/token 200',
      'POST /connections/{connection_id}/refresh 200',
    ])
  })
})

/** Names of the members a schema lists, references followed. Enumerated values are no members. */
function memberNames(node: unknown, seen: Set<unknown>): string[] {
  if (node === undefined || typeof node === 'boolean') return []
  const { $ref, ...schema } = membersOf(node)
  if ($ref !== undefined) return seen.has($ref) ? [] : memberNames(resolve({ $ref }), seen.add($ref))
  const own = Object.entries(membersOf(schema.properties))
  const parts = [schema.items, schema.additionalProperties, ...(Array.isArray(schema.allOf) ? schema.allOf : [])]
  const inside = [...own.map(([, each]) => each), ...parts].flatMap((each) => memberNames(each, seen))
  return [...own.map(([name]) => name), ...inside]
}

describe('answers of the running broker fit the document', () => {
  async function check(name: string, path: string, options: RequestOptions = {}, wanted = 200) {
    const [method = ''] = name.split(' ')
    const answer = await broker.call(method, path, options)
    const documented = media.find(({ title }) => title === `${name} ${wanted}`)
    expect([name, answer.status, answer.text]).toEqual([name, wanted, expect.any(String)])
    expect([name, problemsOf(documented?.schema ?? false, JSON.parse(answer.text))]).toEqual([name, []])
    return answer
  }

  test('connections: consent, status, token, refresh, and their refusals', async () => {
    const wish = { workspace_id: 'user-1', provider_name: 'acme', return_url: returnUrl }
    await check('POST /auth/consent-spec', '/auth/consent-spec', { body: wish })
    await check('POST /auth/consent-spec', '/auth/consent-spec', { body: {} }, 400)
    await check('POST /auth/consent-spec', '/auth/consent-spec', { body: { ...wish, provider_name: 'nobody' } }, 404)
    const { connection_id: pending } = await askForConsent(broker)
    await check('GET /connections/{connection_id}/status', `/connections/${pending}/status`)
    await check('GET /connections/{connection_id}/token', `/connections/${pending}/token`, {}, 403)
    const id = await connected(broker)
    await check('GET /connections', '/connections?limit=1')
    await check('GET /connections/{connection_id}', `/connections/${id}`)
    await check('POST /connections/{connection_id}/reconnect', `/connections/${id}/reconnect`)
    await check('POST /connections/{connection_id}/step-up', `/connections/${id}/step-up`, {
      body: { scopes: ['email'] },
    })
    await check('GET /connections/{connection_id}/token', `/connections/${id}/token`)
    await check('POST /connections/{connection_id}/refresh', `/connections/${id}/refresh`)
    broker.provider.revokeSubject('user-1')
    await check('POST /connections/{connection_id}/refresh', `/connections/${id}/refresh`, {}, 409)
    await check('GET /connections/{connection_id}/status', `/connections/${id}/status`)
    await check('GET /connections/{connection_id}', `/connections/${id}?with_auth_url=true`)
    await check('DELETE /connections/{connection_id}', `/connections/${id}`)
    await check('DELETE /connections/{connection_id}', `/connections/cn_${'0'.repeat(32)}`, {}, 404)
  })

  test('providers: the whole life of one, and of its secret nothing', async () => {
    const secret = 'a-secret-nobody-may-see-again'
    const profile = { name: 'whole-life', client_id: 'c', client_secret: secret, issuer: 'https://id.example', enable_discovery: true } // prettier-ignore
    const created = await check('POST /providers', '/providers', { body: { profile } }, 201)
    await check('POST /providers', '/providers', { body: { profile } }, 409)
    await check('POST /providers', '/providers', { body: { profile: { name: 'x', unknown: 1 } } }, 400)
    const path = `/providers/${String(created.body.id)}`
    const view = await check('GET /providers/{provider_id}', path)
    expect(view.text).not.toContain(secret)
    await check('PUT /providers/{provider_id}', path, { body: view.body })
    await check('PATCH /providers/{provider_id}', path, { body: { category: 'mail' } })
    await check('GET /providers', '/providers?limit=1')
    await check('GET /providers/metadata', '/providers/metadata')
    await check('GET /providers/by-name/{name}', '/providers/by-name/Whole-Life')
    await check('DELETE /providers/{provider_id}', path)
    await check('DELETE /providers/{provider_id}', path, {}, 404)
    await check('DELETE /providers/by-name/{name}', '/providers/by-name/whole-life', {}, 404)
  })

  test('capture, audit and probes', async () => {
    await broker.call('POST', '/providers', { body: { profile: { name: 'typed-in', auth_type: 'api_key' } } })
    const wish = { workspace_id: 'u', provider_name: 'typed-in', return_url: returnUrl }
    const { state, connection_id: id } = (await broker.call('POST', '/auth/consent-spec', { body: wish })).body
    await check('GET /auth/capture-schema', `/auth/capture-schema?state=${String(state)}`)
    await check('POST /auth/capture-credential', '/auth/capture-credential', { body: { state, credentials: {} } }, 400)
    const captured = await broker.call('POST', '/auth/capture-credential', { body: { state, credentials: { api_key: 'k' } } }) // prettier-ignore
    expect([captured.status, captured.text]).toEqual([302, ''])
    await check('GET /connections/{connection_id}/token', `/connections/${String(id)}/token`)
    await check('POST /connections/{connection_id}/refresh', `/connections/${String(id)}/refresh`, {}, 400)
    await check('GET /audit', '/audit?limit=1000')
    await check('GET /audit', '/audit?since=yesterday', {}, 400)
    await check('GET /health', '/health')
    await check('GET /healthz', '/healthz')
    await check('GET /readyz', '/readyz')
    expect((await readTokenOf(broker, 'x')).status).toBe(400)
    expect((await refreshOf(broker, 'x')).status).toBe(400)
  })
})

const keyOf = (role: 'agent' | 'admin'): Promise<string> => keyFor(broker, 'default', [role])
