import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { housekeep, housekeepingTasks } from '../../src/flows/housekeep.js'
import type { HousekeepingTask } from '../../src/flows/ports/housekeeping.js'
import { retireAudit, sealAudit } from '../../src/flows/seal-audit.js'
import { createAuditSegmentStore } from '../../src/postgres/audit-segment-store.js'
import { createHousekeepingStore } from '../../src/postgres/housekeeping-store.js'
import { createRestoreStore } from '../../src/postgres/restore-store.js'
import { givenProvider, startStores, type TestStores } from './start-stores.js'

let stores: TestStores
let providerId: string
beforeAll(async () => {
  stores = await startStores()
  providerId = await givenProvider(stores, { refresh_policy: { mode: 'rotates' } })
})
afterAll(() => stores.stop())
beforeEach(async () => {
  await stores.sql('delete from connections')
  await stores.sql('truncate audit_events, audit_segments')
})

const retention = { credentialsDays: 30, auditDays: 365 }
const run = async (from = stores.database, change: Partial<typeof retention> = {}) => {
  const counted: [HousekeepingTask, number][] = []
  const handled = await housekeep(
    {
      housekeeping: createHousekeepingStore(from),
      retireAudit: (days) => retireAudit(seals(from), days),
      countHandled: (task, rows) => counted.push([task, rows]),
    },
    { ...retention, ...change },
  )
  return { handled, counted }
}
const seals = (from = stores.database) => ({ auditSegments: createAuditSegmentStore(from), vault: stores.vault })
const count = async (from: string): Promise<number> =>
  Number((await stores.sql(`select count(*) as count from ${from}`))[0]?.count)

/** A connection last touched some days ago; it holds something. */
const given = (id: string, status: string, days: number, provider = providerId) =>
  stores.sql(
    `insert into connections (tenant_id, id, workspace_id, provider_id, created_by, status, sealed_credentials,
                              consent_expires_at, updated_at)
     values ('default', $1, 'w', $4, 'operator', $2, '\\x01', now() - make_interval(days => $3), now() - make_interval(days => $3))`,
    [id, status, days, provider],
  )
const givenRequest = (id: string, connectionId: string, days: number) =>
  stores.sql(
    `insert into authorization_requests (tenant_id, id, connection_id, provider_id, workspace_id, purpose, binding, scopes,
                                         return_url, expires_at)
     values ('default', $1, $2, $3, 'w', 'authorization', 'browser', '{}', 'https://app.example', now() - make_interval(days => $4))`,
    [id, connectionId, providerId, days],
  )

describe('housekeeping', () => {
  test('shreds what dead connections hold after the retention, and nothing of living or fresh ones', async () => {
    for (const status of ['attention', 'failed', 'revoked', 'active']) {
      await given(`${status}-old`, status, 31)
      await given(`${status}-new`, status, 29)
    }
    await stores.sql(`insert into credential_orphans (tenant_id, connection_id, fence, sealed_credentials)
                      values ('default', 'attention-old', 1, '\\x01'), ('default', 'attention-new', 1, '\\x01')`) // prettier-ignore
    expect((await run()).handled.dead_credentials).toBe(3)
    const holding = await stores.sql('select id from connections where sealed_credentials is not null order by id')
    expect(holding.map(({ id }) => id)).toEqual([
      'active-new',
      'active-old',
      'attention-new',
      'failed-new',
      'revoked-new',
    ])
    expect(await stores.sql('select connection_id from credential_orphans')).toEqual([
      { connection_id: 'attention-new' },
    ])
  })

  test('removes consents nobody finished together with the connections they were for', async () => {
    await given('abandoned', 'pending', 31)
    await givenRequest('ar-1', 'abandoned', 31)
    await given('waiting', 'pending', 0)
    await givenRequest('ar-2', 'waiting', 0)
    await given('living', 'active', 31)
    await givenRequest('ar-3', 'living', 31)
    const { handled } = await run()
    expect(handled).toMatchObject({ consents: 2, abandoned_connections: 1 })
    expect(await stores.sql('select id from connections order by id')).toEqual([{ id: 'living' }, { id: 'waiting' }])
    expect(await stores.sql('select id from authorization_requests')).toEqual([{ id: 'ar-2' }])
  })

  test('shreds what a consent that expired was to prove, and nothing of one that a person may still finish', async () => {
    await given('living', 'active', 0)
    for (const [id, age] of [
      ['ar-old', '2 hours'],
      ['ar-late', '10 minutes'],
      ['ar-open', '-5 minutes'],
    ] as const) {
      await givenRequest(id, 'living', 0)
      await stores.sql(
        `update authorization_requests set sealed_secrets = '\\x01', expires_at = now() - $2::interval where id = $1`,
        [id, age],
      )
    }
    expect((await run()).handled.flow_secrets).toBe(1)
    const holding = await stores.sql(
      'select id from authorization_requests where sealed_secrets is not null order by id',
    )
    expect(holding.map(({ id }) => id)).toEqual(['ar-late', 'ar-open'])
  })

  test('forgets idempotency keys after a day and adopted answers after another', async () => {
    await given('living', 'active', 0)
    await stores.sql(`insert into idempotency_keys (tenant_id, client_id, key_digest, request_digest, reserved_by, created_at)
                      values ('default', 'c', '\\x01', '\\x01', gen_random_uuid(), now() - interval '25 hours'),
                             ('default', 'c', '\\x02', '\\x01', gen_random_uuid(), now() - interval '23 hours')`) // prettier-ignore
    await stores.sql(`insert into credential_orphans (tenant_id, connection_id, fence, sealed_credentials, adopted_at)
                      values ('default', 'living', 1, '\\x01', now() - interval '25 hours'), ('default', 'living', 2, '\\x01', null)`) // prettier-ignore
    expect((await run()).handled).toMatchObject({ idempotency_keys: 1, orphans: 1 })
    expect(await stores.sql('select fence from credential_orphans')).toEqual([{ fence: '2' }])
    await stores.sql('delete from idempotency_keys')
  })

  const givenAudit = async (rows: number, days: number) => {
    await stores.sql(
      `insert into audit_events (event_type, created_at) select 'x', now() - make_interval(days => $2) from generate_series(1, $1)`,
      [rows, days],
    )
    await sealAudit(seals())
  }

  test('keeps the audit for its own time, or for ever', async () => {
    await givenAudit(3, 366)
    await givenAudit(2, 364)
    expect((await run(stores.database, { auditDays: 0 })).handled).not.toHaveProperty('audit_events')
    expect(await count('audit_events')).toBe(5)
    expect((await run()).handled.audit_events).toBe(3)
    expect(await count('audit_events')).toBe(2)
  })

  test('is bounded: a backlog takes several runs, in batches that are counted', async () => {
    await givenAudit(10_600, 366)
    const { handled, counted } = await run()
    expect(handled.audit_events).toBe(10_000)
    expect(Math.max(...counted.map(([, rows]) => rows))).toBe(500)
    expect((await run()).handled.audit_events).toBe(600)
  })

  test('replicas share the work: each row is handled once', async () => {
    await givenAudit(3_000, 366)
    const runs = await Promise.all([run(), run(stores.replica().database), run(stores.replica().database)])
    const total = runs.reduce((sum, { handled }) => sum + (handled.audit_events ?? 0), 0)
    expect(total + (await count('audit_events'))).toBe(3_000)
    await run()
    expect(await count('audit_events')).toBe(0)
  })

  test('has a statement for each of its tasks that runs on an empty database', async () => {
    expect(Object.keys((await run()).handled)).toEqual(housekeepingTasks)
  })
})

describe('after a restore', () => {
  test('grants that may have rotated are in doubt, under a new fence; others are as they were', async () => {
    const stable = await givenProvider(stores, { refresh_policy: { mode: 'stable' } })
    const unknown = await givenProvider(stores)
    await given('rotating', 'active', 0)
    await given('unknown', 'active', 0, unknown)
    await given('stable', 'active', 0, stable)
    await given('dead', 'attention', 0)
    const store = createRestoreStore(stores.database)
    expect(await store.doubtRotating(1)).toBe(1)
    expect(await store.doubtRotating(10)).toBe(1)
    expect(await store.doubtRotating(10)).toBe(0)
    const rows = await stores.sql('select id, attempt_state, fence from connections order by id')
    expect(rows).toEqual([
      { id: 'dead', attempt_state: 'idle', fence: '0' },
      { id: 'rotating', attempt_state: 'in_doubt', fence: '1' },
      { id: 'stable', attempt_state: 'idle', fence: '0' },
      { id: 'unknown', attempt_state: 'in_doubt', fence: '1' },
    ])
  })
})
