import { afterEach, describe, expect, test } from '@jest/globals'
import { connected, readTokenOf, refreshOf } from '../harness/person.js'
import { startTestBroker, type TestBroker, type TestBrokerOptions } from '../harness/test-broker.js'
import { eventually } from '../postgres/eventually.js'

let broker: TestBroker
afterEach(() => broker.close())

const start = async (options: TestBrokerOptions = {}): Promise<void> => {
  const environment = { SCHEDULER: 'on', SCHEDULER_INTERVAL_MS: '10', ...options.environment }
  broker = await startTestBroker({ ...options, environment })
}
const connections = async (count: number): Promise<string[]> => {
  const ids: string[] = []
  for (let index = 0; index < count; index++) ids.push(await connected(broker, { userId: `user-${index}` }))
  return ids
}
/** As if reads had been sampled. */
const use = (): Promise<unknown> =>
  broker.query(`update connections set last_used_at = now() + interval '1 hour', next_refresh_at = null`)
const undecided = async (): Promise<number> =>
  (await broker.query(`select id from connections where next_refresh_at is null`)).length
const versions = async (): Promise<number[]> =>
  (await broker.query<{ version: string }>('select version from connections')).map(({ version }) => Number(version))
const refreshes = (): number => broker.provider.oracle().refreshes
const minutes = (count: number): number => count * 60_000

describe('the scheduler', () => {
  test('refreshes used connections before they end, each once, however many replicas look', async () => {
    await start()
    await broker.replica()
    const ids = await connections(12)
    await use()
    await eventually(async () => (await undecided()) === 0)
    expect(refreshes()).toBe(0)
    broker.advance(minutes(49))
    await eventually(async () => (await versions()).every((version) => version === 2))
    expect(refreshes()).toBe(12)
    expect(broker.provider.oracle().reuseCount).toBe(0)
    for (const id of ids) expect((await readTokenOf(broker, id)).body).toMatchObject({ token_version: 2 })
    expect(refreshes()).toBe(12)
  })

  test('leaves alone what nobody used', async () => {
    await start()
    await connections(3)
    await eventually(async () => (await undecided()) === 0)
    broker.advance(minutes(59))
    const [due] = await broker.query<{ count: string }>(
      `select count(*) from connections where next_refresh_at < 'infinity'`,
    )
    expect([due?.count, refreshes()]).toEqual(['0', 0])
  })

  test('keeps an idle grant alive where its provider drops idle ones', async () => {
    await start({ profile: { refresh_policy: { mode: 'rotates', idle_limit_seconds: 86_400 } } })
    await connections(1)
    await eventually(async () => (await undecided()) === 0)
    broker.advance(minutes(60 * 20))
    await eventually(async () => (await versions())[0] === 2)
  })

  const never = [Infinity, Infinity] as const
  type Granted = [string, Record<string, unknown>, readonly [number, number], 'tok.no_refresh_token'[]?]
  test.each<Granted>([
    ['in time where its provider drops idle ones', { mode: 'rotates', idle_limit_seconds: 86_400 }, [0.7 * 86_400, 0.8 * 86_400]],
    ['never as long as nobody uses it', { mode: 'rotates' }, never],
    ['never where it cannot be', { mode: 'none', idle_limit_seconds: 86_400 }, never],
    ['never without a refresh token', { mode: 'rotates', idle_limit_seconds: 86_400 }, never, ['tok.no_refresh_token']],
  ])('has nothing to decide about a new grant: the consent says when it is refreshed, %s', async (_, policy, [from, to], switches = []) => {
    await start({ profile: { refresh_policy: policy }, environment: { SCHEDULER: 'off' } })
    switches.forEach((each) => broker.provider.turnOn(each))
    await connections(1)
    const [row] = await broker.query<{ seconds: number }>(
      'select extract(epoch from next_refresh_at - granted_at)::float8 as seconds from connections',
    )
    expect(row?.seconds).toBeGreaterThanOrEqual(from - 60) // the clock of the broker is not that of PostgreSQL
    expect(row?.seconds).toBeLessThanOrEqual(to + 60)
  }) // prettier-ignore

  test('follows the policy of the connection before that of the provider', async () => {
    await start({ profile: { refresh_schedule: 'on_demand' } })
    const [quiet, eager] = await connections(2)
    await broker.query(`update connections set refresh_schedule = 'proactive' where id = $1`, [eager])
    await use()
    await eventually(async () => (await undecided()) === 0)
    broker.advance(minutes(49))
    const versionOf = async (id: string | undefined) =>
      (await broker.query<{ version: string }>('select version from connections where id = $1', [id]))[0]?.version
    await eventually(async () => (await versionOf(eager)) === '2')
    expect(await versionOf(quiet)).toBe('1')
  })

  test('a provider in trouble is asked again later, not at once', async () => {
    await start()
    await connections(1)
    await use()
    await eventually(async () => (await undecided()) === 0)
    broker.provider.replies({ status: 500, body: 'oops' })
    broker.advance(minutes(49))
    const tried = async () => broker.provider.journal('token').filter(({ form }) => form.grant_type === 'refresh_token')
    await eventually(async () => (await tried()).length === 1)
    await eventually(async () => broker.logged().includes('token_refresh_failed'))
    await eventually(async () => {
      await broker.query('update connections set backoff_until = null')
      broker.advance(minutes(2))
      return (await versions())[0] === 2
    })
  })

  test('repeats a call in doubt within the grace of its provider, though nobody asks and the token still lives', async () => {
    await start({
      provider: { refresh: { mode: 'rotating', graceMs: 30_000 } },
      profile: { refresh_policy: { mode: 'rotates', grace_seconds: 30 }, refresh_schedule: 'on_demand' },
    })
    const [id = ''] = await connections(1)
    broker.provider.turnOn('tok.reset_after_rotate', { mode: 'times', n: 1 })
    expect((await refreshOf(broker, id)).status).toBe(503)
    broker.advance(15_500) // the lease would have ended by now; the grace has not
    await eventually(async () => (await versions())[0] === 2)
    expect(broker.provider.oracle().reuseCount).toBe(0)
    expect((await readTokenOf(broker, id)).body).toMatchObject({ token_version: 2 })
  })

  test('a read leaves a trace of use without writing itself', async () => {
    await start()
    const [id] = await connections(1)
    await readTokenOf(broker, id ?? '')
    const used = async () => (await broker.query('select id from connections where last_used_at is not null')).length
    expect(await used()).toBe(0)
    await broker.replica().then((replica) => replica.close())
    broker.advance(0)
    await eventually(async () => (await used()) === 1)
  })
})
