import { afterEach, describe, expect, test } from '@jest/globals'
import { askForConsent, connected, refreshOf } from '../../harness/person.js'
import { startTestBroker, type TestBroker } from '../../harness/test-broker.js'
import { eventually } from '../../postgres/eventually.js'
import { look } from './steps.js'

let broker: TestBroker
afterEach(() => broker.close())

const update = (id: string, body: unknown) => broker.call('PATCH', `/connections/${id}`, { body })
const policyOf = async (id: string) => (await look(broker, id)).refresh_schedule
const updatesOf = async (id: string) =>
  (
    await broker.query<{ event_data: unknown }>(
      `select event_data from audit_events where connection_id = $1 and event_type = 'connection.updated' order by id`,
      [id],
    )
  ).map(({ event_data: data }) => data)

describe('a connection’s own policy of refreshes', () => {
  test('is set, shown, listed, taken back and written to the audit, and only when it changed', async () => {
    broker = await startTestBroker()
    const id = await connected(broker)
    expect(await policyOf(id)).toBeNull()
    for (const refresh_schedule of ['on_demand', 'on_demand', 'keep_alive', null])
      expect(await update(id, { refresh_schedule })).toMatchObject({ status: 200, body: { refresh_schedule } })
    await update(id, { refresh_schedule: 'proactive' })
    expect((await broker.call('GET', '/connections')).body.data).toMatchObject([{ refresh_schedule: 'proactive' }])
    const was = (from: string, to: string) => ({ provider_id: broker.providerId, refresh_schedule: to, was: from })
    expect(await updatesOf(id)).toEqual([
      was('provider', 'on_demand'),
      was('on_demand', 'keep_alive'),
      was('keep_alive', 'provider'),
      was('provider', 'proactive'),
    ])
  })

  test('is followed by a scheduler that had planned by another, and outlives a refresh', async () => {
    broker = await startTestBroker({
      environment: { SCHEDULER: 'on', SCHEDULER_INTERVAL_MS: '10' },
      profile: { refresh_schedule: 'on_demand' },
    })
    const [eager, quiet] = [await connected(broker), await connected(broker, { userId: 'user-2' })]
    const planOf = async (id: string) =>
      (await broker.query<{ at: string | null }>('select next_refresh_at::text as at from connections where id = $1', [id]))[0]?.at
    await broker.query(`update connections set last_used_at = now() + interval '1 hour'`)
    await eventually(async () => (await planOf(eager)) === 'infinity' && (await planOf(quiet)) === 'infinity')
    await update(eager, { refresh_schedule: 'proactive' })
    await eventually(async () => Number.isFinite(Date.parse(String(await planOf(eager)))))
    broker.advance(49 * 60_000)
    await eventually(async () => (await look(broker, eager)).token_version === 2)
    expect(await look(broker, eager)).toMatchObject({ refresh_schedule: 'proactive' })
    expect(await look(broker, quiet)).toMatchObject({ token_version: 1 })
  }) // prettier-ignore

  test('that changes during a refresh leaves the refresh alone and decides what comes after it', async () => {
    broker = await startTestBroker()
    const id = await connected(broker)
    await broker.query(`update connections set last_used_at = now() where id = $1`, [id])
    const hold = broker.provider.hold('after-rotate')
    const refreshing = refreshOf(broker, id)
    await hold.reached
    expect(await update(id, { refresh_schedule: 'on_demand' })).toMatchObject({ status: 200 })
    hold.release()
    expect(await refreshing).toMatchObject({ status: 200, body: { token_version: 2 } })
    expect(await broker.query('select next_refresh_at as at from connections where id = $1', [id])).toEqual([{ at: null }])
  }) // prettier-ignore

  test.each([
    ['a policy that is none', { refresh_schedule: 'hourly' }, 'invalid_request'],
    ['no policy', {}, 'missing_fields'],
    ['another member', { refresh_schedule: null, status: 'active' }, 'invalid_request'],
    ['no object', [], 'invalid_json'],
  ])('%s is refused, and nothing changes', async (_what, body, code) => {
    broker = await startTestBroker()
    const id = await connected(broker)
    expect(await update(id, body)).toMatchObject({ status: 400, body: { code } })
    expect([await policyOf(id), await updatesOf(id)]).toEqual([null, []])
  })

  test('is refused where nothing is ever refreshed', async () => {
    broker = await startTestBroker()
    const profile = { name: 'weather', auth_type: 'api_key' }
    const { body } = await broker.call('POST', '/providers', { body: { profile } })
    const { connection_id: id } = await askForConsent(broker, { body: { provider_id: body.id, scopes: null } })
    const answer = await update(id, { refresh_schedule: 'proactive' })
    expect(answer).toMatchObject({ status: 400, body: { code: 'unsupported_auth_type' } })
  })
})
