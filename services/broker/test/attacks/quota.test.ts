import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { connected, readTokenOf } from '../harness/person.js'
import { keyFor } from '../harness/tenants.js'
import { operatorKey, returnUrl, startTestBroker, type TestBroker } from '../harness/test-broker.js'

// Owns the claims about how much one tenant and one client may ask for. What bodies and headers may weigh is in
// slow-clients.test.ts.

describe('open consents of a tenant', () => {
  const [limit, sessions] = [20, 4]
  let broker: TestBroker
  let floodKey: string
  beforeAll(async () => {
    broker = await startTestBroker({ environment: { OPEN_CONSENTS_PER_TENANT: String(limit) } })
    floodKey = await keyFor(broker, 'flood')
  })
  afterAll(() => broker.close())

  const ask = (key: string) => {
    const body = { workspace_id: 'user-1', provider_id: broker.providerId, return_url: returnUrl }
    return broker.call('POST', '/auth/consent-spec', { key, body })
  }
  const open = async (tenant: string) =>
    (await broker.query(`select 1 from authorization_requests where tenant_id = $1 and claimed_at is null`, [tenant]))
      .length

  test('are capped for a flood, which no other tenant notices (A16)', async () => {
    const answers = await Promise.all(Array.from({ length: 80 }, () => ask(floodKey)))
    const refused = answers.filter(({ status }) => status !== 200)
    expect(refused.length).toBeGreaterThanOrEqual(80 - limit - sessions)
    for (const { status, body, headers } of refused) {
      expect([status, body.code]).toEqual([429, 'too_many_consents'])
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
      expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(600)
    }
    expect(await open('flood')).toBe(80 - refused.length)
    expect(await broker.query(`select 1 from connections where tenant_id = 'flood'`)).toHaveLength(80 - refused.length)
    expect((await ask(operatorKey)).status).toBe(200)
  })

  test('one after the other end exactly at the limit, and make room when they are answered or over (A16)', async () => {
    const key = await keyFor(broker, 'patient')
    for (let count = 0; count < limit; count++) expect((await ask(key)).status).toBe(200)
    expect((await ask(key)).status).toBe(429)
    const one = `where id = (select id from authorization_requests where tenant_id = 'patient' and claimed_at is null limit 1)`
    await broker.query(`update authorization_requests set claimed_at = now() ${one}`)
    expect([(await ask(key)).status, (await ask(key)).status]).toEqual([200, 429])
    await broker.query(`update authorization_requests set expires_at = now() ${one} and expires_at > now()`)
    expect([(await ask(key)).status, (await ask(key)).status]).toEqual([200, 429])
  })

  test('count those of connections that exist, too (A16)', async () => {
    const id = await connected(broker)
    await broker.query(`update authorization_requests set claimed_at = now() where tenant_id = 'default'`)
    const again = () => broker.call('POST', `/connections/${id}/reconnect`, { body: { return_url: returnUrl } })
    for (let count = 0; count < limit; count++) expect((await again()).status).toBe(200)
    expect(await again()).toMatchObject({ status: 429, body: { code: 'too_many_consents' } })
    expect((await readTokenOf(broker, id)).status).toBe(200)
  })

  test('are counted along their own index, however many closed ones there are (A16)', async () => {
    const key = await keyFor(broker, 'aged')
    expect((await ask(key)).status).toBe(200)
    await broker.query(
      `insert into authorization_requests
         (tenant_id, id, connection_id, provider_id, workspace_id, purpose, binding, scopes, return_url, expires_at, claimed_at)
       select tenant_id, 'old-' || n, connection_id, provider_id, workspace_id, purpose, binding, scopes, return_url, expires_at, now()
       from authorization_requests, generate_series(1, 5000) n where tenant_id = 'aged'`,
    )
    await broker.query('analyze authorization_requests')
    const plan = await broker.query<Record<string, string>>(
      `explain select count(*) from (select 1 from authorization_requests
         where tenant_id = 'aged' and claimed_at is null and expires_at > now() limit 20) o`,
    )
    expect(plan.map((row) => Object.values(row).join(' ')).join('\n')).toContain('authorization_requests_open')
  })
})

describe('requests of a client', () => {
  let broker: TestBroker
  beforeAll(async () => {
    broker = await startTestBroker({ environment: { CLIENT_REQUESTS_PER_SECOND: '5' } })
  })
  afterAll(() => broker.close())

  /** How many of these requests passed, sent at once, and how many a bucket of 10 that fills by 5 a second allows at most. */
  const flood = async (keys: readonly string[]) => {
    const startedAt = Date.now()
    const answers = await Promise.all(keys.map((key) => broker.call('GET', '/connections', { key })))
    const passed = answers.filter(({ status }) => status === 200).length
    const refused = answers.find(({ status }) => status !== 200)
    return { passed, refused, atMost: 10 + Math.ceil((5 * (Date.now() - startedAt)) / 1000) }
  }
  const times = (count: number, key: string): string[] => Array.from({ length: count }, () => key)

  test('are limited by client, and another client of the tenant notices nothing (A16)', async () => {
    const [loud, quiet] = [await keyFor(broker, 'neighbours'), await keyFor(broker, 'neighbours')]
    const { passed, refused, atMost } = await flood(times(100, loud))
    expect(passed).toBeGreaterThanOrEqual(10)
    expect(passed).toBeLessThanOrEqual(atMost)
    expect(refused).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
    expect(refused?.headers.get('retry-after')).toBe('1')
    expect((await flood(times(10, quiet))).passed).toBe(10)
    broker.advance(1_000)
    expect((await flood(times(5, loud))).passed).toBe(5)
  })

  test('with a second key of the same client are no second allowance (A16)', async () => {
    const key = await keyFor(broker, 'doubled')
    const [{ client_id } = { client_id: '' }] = await broker.query<{ client_id: string }>(
      `select client_id from client_keys where tenant_id = 'doubled'`,
    )
    const second = await keyFor(broker, 'doubled')
    await broker.query(`update client_keys set client_id = $1 where tenant_id = 'doubled'`, [client_id])
    const { passed, atMost } = await flood([...times(50, key), ...times(50, second)])
    expect(passed).toBeLessThanOrEqual(atMost)
  })

  test('are not counted for a key that is not valid: it cannot use up somebody’s allowance (A16)', async () => {
    const key = await keyFor(broker, 'spared')
    const forged = `${key.slice(0, -1)}${key.endsWith('a') ? 'b' : 'a'}`
    for (let sent = 0; sent < 30; sent++)
      expect((await broker.call('GET', '/connections', { key: forged })).status).toBe(403)
    expect((await flood(times(10, key))).passed).toBe(10)
  })
})
