import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { housekeep } from '../../src/flows/housekeep.js'
import { retireAudit, sealAudit, type SealAuditPorts } from '../../src/flows/seal-audit.js'
import { verifyAudit } from '../../src/flows/verify-audit.js'
import { createAuditSegmentStore } from '../../src/postgres/audit-segment-store.js'
import { createHousekeepingStore } from '../../src/postgres/housekeeping-store.js'
import { startStores, type TestStores } from './start-stores.js'

let stores: TestStores
let ports: SealAuditPorts
beforeAll(async () => {
  stores = await startStores()
  ports = { auditSegments: createAuditSegmentStore(stores.database), vault: stores.vault }
})
afterAll(() => stores.stop())
beforeEach(() => stores.sql('truncate audit_events, audit_segments restart identity'))

const write = (rows: number, days = 0) =>
  stores.sql(
    `insert into audit_events (created_at, tenant_id, connection_id, event_type, event_data, client_id, key_id, request_id,
                               ip_address, user_agent)
     select now() - make_interval(days => $2), 'default', 'cn_1', 'token_retrieved', '{"n": 1}', 'cl_1', 'dk_1', 'request-' || n, '192.0.2.1', 'a/1'
     from generate_series(1, $1::int) as n`,
    [rows, days],
  )
const verify = (expected?: { segment: number; digest: string }) => verifyAudit(ports, expected, () => undefined)
const problems = async () => (await verify()).problems.map(({ segment, kind }) => `${segment} ${kind}`)

/** Three segments of five rows, ids 1 to 15, and two rows that are not sealed yet. */
async function sealedThrice(): Promise<string[]> {
  const digests: string[] = []
  for (let round = 0; round < 3; round++) {
    await write(5)
    digests.push(...(await sealAudit(ports)).map(({ digest }) => digest))
  }
  await write(2)
  return digests
}

test('an audit that nobody touched verifies, whole, and says how far (A84)', async () => {
  const digests = await sealedThrice()
  expect(await verify()).toEqual({
    segments: 3,
    rows: 15,
    retired: 0,
    unsealed: 2,
    head: { segment: 3, digest: digests[2] },
    problems: [],
  })
})

describe('somebody who writes to the database is found out:', () => {
  test.each([
    ['a row changed', `update audit_events set event_data = '{"n": 2}' where id = 7`, ['2 rows_changed']],
    ['a row deleted', 'delete from audit_events where id = 15', ['3 rows_changed']],
    ['the first row deleted', 'delete from audit_events where id = 1', ['1 rows_changed']],
    ['a row slipped in', `insert into audit_events (id, event_type) overriding system value values (-3, 'x')`, ['1 rows_changed']],
    ['two rows exchanged', 'update audit_events a set request_id = b.request_id from audit_events b where (a.id, b.id) in ((2, 3), (3, 2))', ['1 rows_changed']],
    ['a segment removed with its rows', 'with s as (delete from audit_segments where id = 2) delete from audit_events where id between 6 and 10', ['2 missing']],
    ['a segment put in another’s place', 'update audit_segments set sealed_segment = (select sealed_segment from audit_segments where id = 1) where id = 2', ['2 seal_broken']],
    ['a segment renumbered', 'delete from audit_segments where id = 1; update audit_segments set id = id - 1', ['1 seal_broken', '2 seal_broken']],
    ['a segment made up', `insert into audit_segments (id, last_event_id, newest_at, sealed_segment) values (4, 17, now(), '\\x01')`, ['4 seal_broken']],
    ['rows declared past their retention', 'update audit_segments set is_retired = true; delete from audit_events where id = 4', ['1 rows_changed']],
  ])('%s (A84)', async (_what, sql, found) => {
    await sealedThrice()
    await stores.sql(sql)
    expect(await problems()).toEqual(found)
  }) // prettier-ignore

  test('any column of a row changed (A84)', async () => {
    await sealedThrice()
    const columns = await stores.sql(
      `select column_name as name, data_type as type from information_schema.columns where table_name = 'audit_events'
       order by ordinal_position`,
    )
    const other = (type: unknown): string =>
      ({ inet: `'192.0.2.9'::inet`, jsonb: `'{}'::jsonb`, bigint: '900', 'timestamp with time zone': 'now() + interval \'1 us\'' })[
        String(type)
      ] ?? `'other'` // prettier-ignore
    const names = columns.map((each) => String(each.name))
    const insert = `insert into audit_events (${names.join(', ')}) overriding system value select`
    await stores.sql('create temporary table untouched as select * from audit_events')
    for (const { name, type } of columns) {
      const changed = names.map((each) => (each === name ? other(type) : each)).join(', ')
      await stores.sql('delete from audit_events where id = 8')
      await stores.sql(`${insert} ${changed} from untouched where id = 8`)
      expect({ name, problems: await problems() }).toEqual({ name, problems: ['2 rows_changed'] })
      await stores.sql('delete from audit_events where id in (8, 900)')
      await stores.sql(`${insert} * from untouched where id = 8`)
      expect(await problems()).toEqual([])
    }
  })

  test('the newest segments cut off, by whoever kept a head elsewhere (A84)', async () => {
    const digests = await sealedThrice()
    const head = { segment: 3, digest: digests[2] ?? '' }
    expect((await verify(head)).problems).toEqual([])
    await stores.sql('delete from audit_segments where id = 3; delete from audit_events where id > 10')
    expect((await verify()).problems).toEqual([])
    expect((await verify(head)).problems).toEqual([{ segment: 3, kind: 'missing' }])
  })
})

describe('sealing', () => {
  test('waits for a row that is not committed yet, and never makes a writer wait', async () => {
    await stores.sql('begin')
    await write(1) // takes id 1
    const one = stores.replica()
    await one.stores.audit.append({ ...entry, requestId: 'later' }) // id 2, committed while id 1 is not
    expect(await sealAudit(ports)).toEqual([])
    await stores.sql('commit')
    expect(await sealAudit(ports)).toMatchObject([{ segment: 1, rows: 2 }])
    expect(await problems()).toEqual([])
  })

  test('by several replicas at once makes one chain', async () => {
    for (let round = 0; round < 5; round++) {
      await write(20)
      const another = { ...ports, auditSegments: createAuditSegmentStore(stores.replica().database) }
      await Promise.all([sealAudit(ports), sealAudit(another), write(20)])
    }
    await sealAudit(ports)
    expect(await verify()).toMatchObject({ rows: 200, unsealed: 0, problems: [] })
  })

  test('of a backlog makes several segments', async () => {
    await write(12_000)
    expect((await sealAudit(ports)).map(({ rows }) => rows)).toEqual([5000, 5000, 2000])
    expect(await verify()).toMatchObject({ segments: 3, rows: 12_000, problems: [] })
  })

  test('stops at a broken seal instead of building on it', async () => {
    await sealedThrice()
    await stores.sql(`update audit_segments set sealed_segment = '\\x01' where id = 3`)
    await expect(sealAudit(ports)).rejects.toMatchObject({ reason: 'integrity_error' })
  })
})

test('retention throws away whole segments and says so under seal: the rest verifies', async () => {
  await write(4, 400)
  await sealAudit(ports)
  await write(4, 1)
  await sealAudit(ports)
  const housekeeping = createHousekeepingStore(stores.database)
  const tidy = () =>
    housekeep(
      { housekeeping, retireAudit: (days) => retireAudit(ports, days), countHandled: () => undefined },
      { credentialsDays: 30, auditDays: 365 },
    )
  expect(await tidy()).toMatchObject({ audit_events: 4 })
  expect(await verify()).toMatchObject({ segments: 2, rows: 4, retired: 1, problems: [] })
  await stores.sql(`update audit_events set created_at = now() - interval '400 days'`) // to have housekeeping delete them
  expect(await tidy()).toMatchObject({ audit_events: 0 })
  expect(await problems()).toEqual(['2 rows_changed'])
})

const entry = {
  tenantId: 'default',
  connectionId: 'cn_1',
  eventType: 'token_retrieved',
  eventData: {},
  clientId: 'cl_1',
  keyId: 'dk_1',
  requestId: 'r',
  ipAddress: undefined,
  userAgent: undefined,
} as const
