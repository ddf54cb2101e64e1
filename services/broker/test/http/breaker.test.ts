import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { connected, readTokenOf, refreshOf } from '../harness/person.js'
import { startTestBroker, type TestBroker } from '../harness/test-broker.js'

let broker: TestBroker
beforeEach(async () => {
  broker = await startTestBroker()
})
afterEach(() => broker.close())

const calls = (): number =>
  broker.provider.journal('token').filter(({ form }) => form.grant_type === 'refresh_token').length
const incidents = async () => (await broker.call('GET', '/readyz', { key: null })).body
const eventsOf = (type: string) => broker.query('select * from audit_events where event_type = $1', [type])

/** Refreshes that the provider answers with `reply`, one after the other. */
async function refuse(id: string, count: number, reply: Parameters<TestBroker['provider']['replies']>[0]) {
  for (let index = 0; index < count; index++) {
    broker.provider.replies(reply)
    await refreshOf(broker, id)
    await broker.query('update connections set backoff_until = null')
  }
}

describe('a provider that fails', () => {
  test('is left alone after twenty failures; held tokens are served, and a probe ends it', async () => {
    const id = await connected(broker)
    await refuse(id, 20, { status: 500, body: 'oops' })
    expect(calls()).toBe(20)

    const held = await refreshOf(broker, id)
    expect(held).toMatchObject({ status: 503, body: { code: 'provider_unavailable' } })
    expect(Number(held.headers.get('retry-after'))).toBeLessThanOrEqual(10)
    expect(calls()).toBe(20)
    expect((await readTokenOf(broker, id)).status).toBe(200)
    expect(await incidents()).toMatchObject({
      status: 'ready',
      incidents: [{ provider_id: broker.providerId, error: 'breaker_open' }],
    })

    broker.advance(10_000)
    await broker.query('update connections set backoff_until = null')
    expect((await refreshOf(broker, id)).status).toBe(200)
    expect(await incidents()).toMatchObject({ incidents: [] })
    expect([(await eventsOf('provider.breaker_opened')).length, (await eventsOf('provider.breaker_closed')).length]).toEqual([1, 1]) // prettier-ignore
  })

  test('what we hold back ourselves is no failure of the connection', async () => {
    const id = await connected(broker)
    await refuse(id, 20, { status: 500, body: 'oops' })
    const failures = async () => (await broker.query<{ fail_count: number }>('select fail_count from connections'))[0]
    const before = await failures()
    await refreshOf(broker, id)
    expect(await failures()).toEqual(before)
  })
})

describe('a provider that refuses our client', () => {
  test('is an incident that people see and that changes no connection', async () => {
    const id = await connected(broker)
    await refuse(id, 2, { status: 401, body: { error: 'invalid_client' } })
    const readiness = await broker.call('GET', '/readyz', { key: null })
    expect(readiness).toMatchObject({
      status: 200,
      body: { incidents: [{ provider_id: broker.providerId, error: 'invalid_client', since: expect.any(String) }] },
    })
    expect((await broker.call('GET', '/metrics', { key: null })).text).toContain(
      `provider_incidents_total{provider="${broker.providerId}"} 2`,
    )
    expect((await eventsOf('provider_incident')).length).toBe(2)
    expect((await broker.call('GET', `/connections/${id}/status`)).body).toMatchObject({ status: 'active' })
    expect((await refreshOf(broker, id)).status).toBe(200)
    expect(await incidents()).toMatchObject({ incidents: [] })
  })
})
