import { createMetricsRegistry, listenHttp } from '@dromos/runtime'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Actor, EventType } from '../../src/domain/events.js'
import { createMetricsApp } from '../../src/http/metrics.js'
import { request } from '../harness/request.js'
import { eventually } from '../postgres/eventually.js'
import { startManagement, type Management } from './management.js'

let isVaultUsable = true
let pending: () => Promise<string[]> = async () => []
let broker: Management
beforeAll(async () => {
  broker = await startManagement({ health: { isVaultUsable: () => isVaultUsable, pendingMigrations: () => pending() } })
})
afterAll(() => broker.close())

const open = (method: string, path: string) => broker.call(method, path, { key: null })

describe('probes need no key', () => {
  test.each(['/health', '/healthz'])('%s says healthy, whatever the database does', async (path) => {
    pending = () => Promise.reject(new Error('the database is away'))
    const answer = await open('GET', path)
    expect({ status: answer.status, body: answer.body }).toEqual({ status: 200, body: { status: 'healthy' } })
  })

  test('readiness looks at database, migrations and vault (fault 73)', async () => {
    pending = async () => []
    expect(await readiness()).toEqual([200, 'ready', { database: 'ok', migrations: 'ok', vault: 'ok' }])
    pending = async () => ['0002_more.sql']
    expect(await readiness()).toEqual([503, 'unavailable', { database: 'ok', migrations: 'failed', vault: 'ok' }])
    pending = () => Promise.reject(new Error('the database is away'))
    expect(await readiness()).toEqual([503, 'unavailable', { database: 'failed', migrations: 'failed', vault: 'ok' }])
    pending = async () => []
    isVaultUsable = false
    expect(await readiness()).toEqual([503, 'unavailable', { database: 'ok', migrations: 'ok', vault: 'failed' }])
    isVaultUsable = true
  })

  test('probes that come together share one look at the database', async () => {
    let [running, most] = [0, 0]
    pending = async () => {
      most = Math.max(most, ++running)
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
      running--
      return []
    }
    const answers = await Promise.all(Array.from({ length: 20 }, () => readiness()))
    expect(new Set(answers.map((each) => each[0]))).toEqual(new Set([200]))
    expect(most).toBe(1)
  })

  async function readiness() {
    const { status, body } = await open('GET', '/readyz')
    return [status, body.status, body.checks]
  }
})

describe('metrics', () => {
  test('are Prometheus text', async () => {
    const answer = await open('GET', '/metrics')
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(answer.text).toContain('process_cpu_user_seconds_total')
  })

  test('on a port of their own nothing else is served (fault 11)', async () => {
    const server = await listenHttp(createMetricsApp(createMetricsRegistry()), { port: 0, host: '127.0.0.1' })
    const url = `http://127.0.0.1:${server.port}`
    expect((await request(url, 'GET', '/metrics', {})).text).toContain('process_cpu_user_seconds_total')
    expect((await request(url, 'GET', '/health', {})).status).toBe(404)
    await server.close()
  })
})

describe('the audit', () => {
  const actor = (tenantId: string, change: Partial<Actor> = {}): Actor => ({
    tenantId,
    clientId: 'mailer',
    keyId: 'dk_1',
    requestId: 'request-1',
    ipAddress: '203.0.113.7',
    userAgent: 'agent/1',
    ...change,
  })
  const record = (tenantId: string, type: EventType, connectionId: string | undefined, change: Partial<Actor> = {}) =>
    broker.report({ type, actor: actor(tenantId, change), connectionId, data: { provider_id: 'p1', duration_ms: 5 } })

  let admin: string
  beforeAll(async () => {
    admin = await broker.keyOf('acme', 'admin')
    await broker.query(`delete from audit_events where tenant_id = 'acme'`)
    await record('acme', 'connection.created', 'cn_1')
    await record('acme', 'token_refreshed', 'cn_1', { clientId: 'other' })
    await record('acme', 'token_refreshed', 'cn_2')
    await record('foreign', 'token_refreshed', 'cn_1')
    await broker.query(`update audit_events set created_at = '2026-01-02T03:04:05Z' where connection_id = 'cn_2'`)
  })

  type Item = Record<string, unknown>
  const list = async (query: string): Promise<Item[]> => {
    const answer = await broker.call('GET', `/audit${query}`, { key: admin })
    if (answer.status !== 200) throw new Error(answer.text)
    return JSON.parse(answer.text) as Item[]
  }
  const named = async (query: string) =>
    (await list(query)).map((item) => [item.event_type, item.connection_id].join(' '))

  test('says who, whence and what, with event_data as an object (faults 67 and 68)', async () => {
    const [item] = await list('?connection_id=cn_1&event_type=connection.created')
    expect(item).toEqual({
      id: expect.stringMatching(/^\d+$/),
      connection_id: 'cn_1',
      event_type: 'connection.created',
      event_data: { provider_id: 'p1', duration_ms: 5 },
      client_id: 'mailer',
      key_id: 'dk_1',
      request_id: 'request-1',
      ip_address: '203.0.113.7',
      user_agent: 'agent/1',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    })
  })

  test("is the caller's tenant only, newest first", async () => {
    expect(await named('')).toEqual(['token_refreshed cn_2', 'token_refreshed cn_1', 'connection.created cn_1'])
    const stranger = await broker.keyOf('elsewhere', 'admin')
    const answer = await broker.call('GET', '/audit?connection_id=cn_1', { key: stranger })
    expect(answer.text).toBe('[]')
  })

  test('a refused key is shown to the operators of the tenant default and to nobody else', async () => {
    expect((await broker.call('GET', '/audit', { key: 'a-key-that-nobody-issued' })).status).toBe(403)
    const refused = async (key?: string) =>
      (await broker.call('GET', '/audit?event_type=access_refused', key === undefined ? {} : { key })).text
    await eventually(async () => (await refused()).includes('invalid_api_key'))
    expect(await refused(await broker.keyOf('elsewhere', 'admin'))).toBe('[]')
  })

  test('filters by type, connection, client and time (fault 68)', async () => {
    expect(await named('?event_type=token_refreshed')).toHaveLength(2)
    expect(await named('?connection_id=cn_1')).toHaveLength(2)
    expect(await named('?client_id=other')).toEqual(['token_refreshed cn_1'])
    expect(await named('?since=2026-01-02T03:04:05Z&until=2026-01-02T03:04:06%2B00:00')).toEqual([
      'token_refreshed cn_2',
    ])
    expect(await named('?until=2026-01-02T03:04:05Z')).toEqual([])
  })

  test('pages through a cursor that keeps the filters (fault 68)', async () => {
    const first = await broker.call('GET', '/audit?event_type=token_refreshed&limit=1', { key: admin })
    const next = /^<([^>]+)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1] ?? ''
    const second = await broker.call('GET', next, { key: admin })
    expect(
      [...(JSON.parse(first.text) as Item[]), ...(JSON.parse(second.text) as Item[])].map((item) => item.connection_id),
    ).toEqual(['cn_2', 'cn_1'])
    expect(second.headers.get('link')).toBeNull()
  })

  test.each([
    ['limit=0', 'invalid_request'],
    ['limit=1001', 'invalid_request'],
    ['limit=many', 'invalid_request'],
    ['limit=5&limit=6', 'invalid_request'],
    ['since=yesterday', 'invalid_since'],
    ['since=2026-13-40T00:00:00Z', 'invalid_since'],
    ['until=2026', 'invalid_request'],
    ['cursor=x', 'invalid_cursor'],
    ['connection_id=%00', 'invalid_request'],
  ])('?%s is refused, not silently replaced (fault 68)', async (query, code) => {
    const answer = await broker.call('GET', `/audit?${query}`, { key: admin })
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 400, code })
  })

  test('needs the role admin', async () => {
    const agent = await broker.keyOf('acme', 'agent')
    expect((await broker.call('GET', '/audit', { key: agent })).body.code).toBe('access_denied')
    expect((await open('GET', '/audit')).body.code).toBe('missing_api_key')
  })
})
