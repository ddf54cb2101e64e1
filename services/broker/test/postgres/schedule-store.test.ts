import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { ScheduleStore } from '../../src/flows/ports/refresh.js'
import { behindALock } from './behind-a-lock.js'
import { givenProvider, startStores, type TestStores } from './start-stores.js'

let stores: TestStores
let providerId: string
beforeAll(async () => {
  stores = await startStores()
  providerId = await givenProvider(stores)
})
afterAll(() => stores.stop())
beforeEach(() => stores.sql('delete from connections'))

const now = new Date('2026-01-01T12:00:00Z')
const heldUntil = new Date('2026-01-01T12:01:00Z')
const claim = (from: ScheduleStore, change: Partial<Parameters<ScheduleStore['claim']>[0]> = {}) =>
  from.claim({ now, heldUntil, limit: 200, busyProviders: [], ...change })

/** Active connections c1 to cN, due at `at`; null = undecided. */
const given = (count: number, at: string | null = '2026-01-01T11:00:00Z', provider = providerId) =>
  stores.sql(
    `insert into connections (tenant_id, id, workspace_id, provider_id, created_by, status, sealed_credentials, version,
                              expires_at, next_refresh_at)
     select 'default', $3 || n, 'w', $4, 'operator', 'active', '\\x00', 1, now() + interval '1 hour', $2
     from generate_series(1, $1) n`,
    [count, at, `c${Math.random().toString(36).slice(2)}-`, provider],
  )

describe('claims', () => {
  test('two schedulers that claim at once never get the same connection, and together they get all', async () => {
    await given(1_000)
    const other = stores.replica().stores.schedule
    const claims: Awaited<ReturnType<typeof claim>>[] = []
    const drain = async (from: ScheduleStore): Promise<void> => {
      for (let rows = await claim(from); rows.length > 0; rows = await claim(from)) claims.push(rows)
    }
    await Promise.all([drain(stores.schedule), drain(other), drain(stores.schedule), drain(other)])
    const ids = claims.flat().map(({ key }) => key.connectionId)
    expect(ids).toHaveLength(1_000)
    expect(new Set(ids).size).toBe(1_000)
  })

  test('the rows of a claimer that died come back when its claim has aged', async () => {
    await given(3)
    expect(await claim(stores.schedule)).toHaveLength(3)
    expect(await claim(stores.schedule)).toEqual([])
    expect(await claim(stores.schedule, { now: heldUntil })).toHaveLength(3)
  })

  test('bring a call in doubt back soon when its claimer dies too', async () => {
    await given(2)
    await stores.sql(`update connections set attempt_state = 'in_doubt'
                      where id in (select id from connections limit 1)`) // prettier-ignore
    const first = await claim(stores.schedule)
    const again = await claim(stores.schedule, { now: new Date(now.getTime() + 5_000) })
    expect(again.map(({ key }) => key)).toEqual(first.filter((row) => row.isInDoubt).map(({ key }) => key))
    expect(again).toHaveLength(1)
  })

  test('leave alone what somebody is refreshing', async () => {
    await given(2)
    await stores.sql(`update connections set lease_until = now() + interval '10 seconds'
                      where id in (select id from connections limit 1)`) // prettier-ignore
    expect(await claim(stores.schedule)).toHaveLength(1)
  })

  test('pass over providers that cannot keep up, and connections that are not active', async () => {
    const busy = await givenProvider(stores)
    await given(2)
    await given(2, '2026-01-01T10:00:00Z', busy)
    await given(1)
    await stores.sql(`update connections set status = 'attention' where id in (select id from connections
                      where provider_id = $1 limit 1)`, [providerId]) // prettier-ignore
    const rows = await claim(stores.schedule, { busyProviders: [busy] })
    expect(rows.map((row) => row.providerId)).toEqual([providerId, providerId])
  })

  test('take the oldest first and no more than asked for', async () => {
    await given(2, '2026-01-01T11:30:00Z')
    const [oldest] = await stores.sql(`update connections set next_refresh_at = '2026-01-01T09:00:00Z'
                                       where id in (select max(id) from connections) returning id`) // prettier-ignore
    const rows = await claim(stores.schedule, { limit: 1 })
    expect(rows.map(({ key }) => key.connectionId)).toEqual([oldest?.id])
  })
})

describe('plans', () => {
  const undecided = async () => (await stores.schedule.unplanned(100)).length
  const planned = async () =>
    (await stores.sql('select next_refresh_at::text as at from connections')).map((row) => row.at)

  test('are made once: a decided connection is no longer undecided, also when the answer is never', async () => {
    await given(2, null)
    const rows = await stores.schedule.unplanned(100)
    expect(rows).toHaveLength(2)
    await stores.schedule.plan(rows.map((row) => ({ row, at: undefined })))
    expect(await undecided()).toBe(0)
    expect(await planned()).toEqual(['infinity', 'infinity'])
    expect(await claim(stores.schedule, { now: new Date('2999-01-01') })).toEqual([])
  })

  test('decide about a call in doubt too: it is not looked at again for ever', async () => {
    await given(1, null)
    await stores.sql(`update connections set attempt_state = 'in_doubt'`)
    const rows = await stores.schedule.unplanned(1)
    await stores.schedule.plan(rows.map((row) => ({ row, at: undefined })))
    expect(await undecided()).toBe(0)
  })

  test('of several replicas that found a connection undecided the first counts', async () => {
    await given(1, null)
    const [row] = await stores.schedule.unplanned(1)
    if (row === undefined) throw new Error('nothing to plan')
    await stores.schedule.plan([{ row, at: undefined }])
    await stores.schedule.plan([{ row, at: now }])
    expect(await planned()).toEqual(['infinity'])
  })

  test.each([
    ['refreshed', 'update connections set version = 2'],
    ['used', 'update connections set last_used_at = now()'],
    ['gave another policy', `update connections set refresh_schedule = 'on_demand'`],
  ])('do not touch a connection that somebody %s meanwhile', async (_what, change) => {
    await given(1, null)
    const [row] = await stores.schedule.unplanned(1)
    if (row === undefined) throw new Error('nothing to plan')
    await stores.sql(change)
    await stores.schedule.plan([{ row, at: now }])
    expect(await undecided()).toBe(1)
  })
})

describe('uses', () => {
  test('that replicas note of the same connections in opposite orders never wait for each other in a circle', async () => {
    await given(13)
    // As in a large table, where rows are looked up in the order they are asked for.
    for (const plan of ['seqscan', 'hashjoin', 'mergejoin'])
      await stores.sql(
        `do $$ begin execute format('alter database %I set enable_${plan} = off', current_database()); end $$`,
      )
    const uses = (await stores.sql('select id from connections')).map(({ id }) => ({
      key: { tenantId: 'default', connectionId: String(id) },
      at: now,
    }))
    const [one, other] = [stores.replica().stores.schedule, stores.replica().stores.schedule]
    await behindALock(stores, uses[6]?.key.connectionId ?? '', 2, () =>
      Promise.all([one.noteUses(uses), other.noteUses(uses.toReversed())]),
    )
    expect(await stores.sql('select count(*)::int as n from connections where last_used_at = $1', [now])).toEqual([
      { n: 13 },
    ])
  })
})

describe('a choice of policy', () => {
  const choose = async (policy: 'on_demand' | 'proactive' | undefined, tenantId = 'default') => {
    const [row] = await stores.sql('select id from connections')
    const answer = await stores.schedule.choose({ tenantId, connectionId: String(row?.id) }, policy)
    const [after] = await stores.sql(
      'select refresh_schedule as policy, next_refresh_at::text as at, claimed_until::text as held from connections',
    )
    return { answer, after }
  }
  const due = '2026-01-01 11:00:00+00'

  test('takes the former plan with it, and repeated it changes nothing', async () => {
    await given(1)
    expect(await choose('proactive')).toMatchObject({ answer: { was: undefined }, after: { policy: 'proactive', at: null } })
    await stores.sql('update connections set next_refresh_at = $1', [due])
    expect(await choose('proactive')).toMatchObject({ answer: { was: 'proactive' }, after: { at: due } })
    expect(await choose(undefined)).toMatchObject({ answer: { was: 'proactive' }, after: { policy: null, at: null } })
  }) // prettier-ignore

  test('is not made by another tenant', async () => {
    await given(1)
    expect(await choose('on_demand', 'strangers')).toMatchObject({
      answer: undefined,
      after: { policy: null, at: due },
    })
  })

  test.each([
    ['sent', due],
    ['in_doubt', due],
    // what a restore left to the next caller stays with them
    ['in_doubt', 'infinity'],
  ])('leaves a call that is %s, due %s, when it was: its outcome has to be found out', async (state, at) => {
    await given(1)
    await stores.sql('update connections set attempt_state = $1, next_refresh_at = $2', [state, at])
    expect(await choose('on_demand')).toMatchObject({ after: { policy: 'on_demand', at } })
  })

  test('leaves a claim alone: whoever has the connection in hand keeps it', async () => {
    await given(1)
    await claim(stores.schedule)
    expect(await choose('on_demand')).toMatchObject({ after: { at: null, held: '2026-01-01 12:01:00+00' } })
  })
})

describe('uses', () => {
  const use = async (at: string) => {
    const [row] = await stores.sql('select id from connections')
    await stores.schedule.noteUses([{ key: { tenantId: 'default', connectionId: String(row?.id) }, at: new Date(at) }])
    return (await stores.sql('select last_used_at, next_refresh_at is null as is_undecided from connections'))[0]
  }

  test('are written once in some minutes, and a connection back in use is decided about again', async () => {
    await given(1)
    const first = new Date('2026-01-01T10:00:00Z')
    expect(await use('2026-01-01T10:00:00Z')).toEqual({ last_used_at: first, is_undecided: true })
    await stores.sql(`update connections set next_refresh_at = 'infinity'`)
    expect(await use('2026-01-01T10:01:00Z')).toEqual({ last_used_at: first, is_undecided: false })
    const second = new Date('2026-01-01T10:10:00Z')
    expect(await use('2026-01-01T10:10:00Z')).toEqual({ last_used_at: second, is_undecided: false })
    expect(await use('2026-01-03T10:10:00Z')).toMatchObject({ is_undecided: true })
  })

  test.each([
    ['the provider', null, 'on_demand', false],
    ['the provider', null, 'keep_alive', true],
    ['the connection', 'on_demand', 'proactive', false],
    ['the connection', 'proactive', 'on_demand', true],
    ['nobody', null, null, true],
  ])('after a long rest change a plan, but none of what is refreshed on demand: %s says so, %s, %s', async (_, own, its, isUndecided) => {
    await given(1, 'infinity', await givenProvider(stores, { refresh_schedule: its }))
    await stores.sql('update connections set refresh_schedule = $1', [own])
    expect(await use('2026-01-01T10:00:00Z')).toMatchObject({ is_undecided: isUndecided })
  }) // prettier-ignore
})
