import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { AuditEntry } from '../../src/domain/events.js'
import { type CuttableLine, cuttableLine } from './cuttable-line.js'
import { eventually } from './eventually.js'
import { startStores, type TestStores } from './start-stores.js'

let stores: TestStores
let line: CuttableLine
beforeAll(async () => {
  stores = await startStores()
  line = await cuttableLine(stores.url)
})
afterAll(async () => {
  await stores.stop()
  await line.close()
})

const entry = (members: Partial<AuditEntry> = {}): AuditEntry => ({
  tenantId: 'default',
  connectionId: 'cn_1',
  eventType: 'token_retrieved',
  eventData: { provider_id: 'p-1', has_id_token: true },
  clientId: 'cl_1',
  keyId: 'dk_1',
  requestId: 'request-1',
  ipAddress: '192.0.2.1',
  userAgent: 'test/1',
  ...members,
})
const everything = {
  tenantId: 'default',
  eventType: undefined,
  connectionId: undefined,
  clientId: undefined,
  since: undefined,
  until: undefined,
  before: undefined,
  limit: 1000,
}

describe('an audit entry', () => {
  test('is durable when its append resolves, and comes back as it was', async () => {
    await stores.audit.append(entry({ tenantId: 'durable' }))
    expect(await stores.audit.list({ ...everything, tenantId: 'durable' })).toEqual([
      { ...entry({ tenantId: 'durable' }), id: expect.any(String), createdAt: expect.any(Date) },
    ])
  })

  test('of an unknown connection is recorded like any other (fault 66)', async () => {
    const probe = entry({ tenantId: 'probes', connectionId: 'cn_nobody_has_this', eventType: 'connection_not_found' })
    await stores.audit.append(probe)
    expect(await stores.audit.list({ ...everything, tenantId: 'probes' })).toMatchObject([probe])
  })

  test.each([
    ['an address with a zone', { ipAddress: 'fe80::1%eth0' }, { ipAddress: 'fe80::1' }],
    ['what is no address', { ipAddress: 'unknown' }, { ipAddress: undefined }],
    ['an empty address', { ipAddress: '' }, { ipAddress: undefined }],
    ['a NUL', { requestId: 'a\u0000b' }, { requestId: 'ab' }],
    ['half a surrogate pair', { keyId: 'a\ud800b' }, { keyId: 'ab' }],
    ['a very long user agent', { userAgent: 'x'.repeat(9_000) }, { userAgent: 'x'.repeat(512) }],
  ])('with %s is stored without it', async (name, odd, stored) => {
    await stores.audit.append(entry({ tenantId: name, ...odd }))
    expect(await stores.audit.list({ ...everything, tenantId: name })).toMatchObject([stored])
  })

  test('that the table refuses does not take its neighbours with it', async () => {
    const tenantId = 'neighbours'
    const results = await Promise.allSettled([
      stores.audit.append(entry({ tenantId, requestId: 'before' })),
      stores.audit.append(entry({ tenantId, eventData: { text: '\u0000' } })),
      stores.audit.append(entry({ tenantId, requestId: 'after' })),
    ])
    expect(results.map((each) => each.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    const found = await stores.audit.list({ ...everything, tenantId })
    expect(found.map((each) => each.requestId)).toEqual(['after', 'before'])
  })

  test('that nobody waits for is written soon, in one statement with its neighbours', async () => {
    const tenantId = 'noted'
    for (let index = 0; index < 300; index++) stores.audit.note(entry({ tenantId }), () => undefined)
    const written = () =>
      stores.sql(
        'select count(*)::int as n, count(distinct xmin::text)::int as statements from audit_events where tenant_id = $1',
        [tenantId],
      )
    await eventually(async () => (await written())[0]?.n === 300)
    expect(await written()).toEqual([{ n: 300, statements: 1 }])
  })

  test('that nobody waits for and that the table refuses is told as lost', async () => {
    let lost = 0
    stores.audit.note(entry({ eventData: { text: '\u0000' } }), () => lost++)
    await eventually(async () => lost === 1)
  })

  test('bears the time it happened, not the time it was written', async () => {
    stores.advance(3_600_000)
    await stores.audit.append(entry({ tenantId: 'later' }))
    const [found] = await stores.audit.list({ ...everything, tenantId: 'later' })
    expect((found?.createdAt.getTime() ?? 0) - Date.now()).toBeGreaterThan(3_500_000)
    stores.advance(-3_600_000)
  })
})

describe('many entries', () => {
  test('are written in few statements, in the order they came (fault 64)', async () => {
    await stores.sql(`create table statements (n int);
      create function count_statement() returns trigger language plpgsql as
        $$ begin insert into statements values (1); return null; end $$;
      create trigger count_statement after insert on audit_events for each statement execute function count_statement()`)
    const tenantId = 'many'
    await Promise.all(
      Array.from({ length: 1_200 }, (_, index) => stores.audit.append(entry({ tenantId, requestId: `r${index}` }))),
    )
    const [row] = await stores.sql('select count(*)::int as n from statements')
    expect(row?.n).toBeLessThanOrEqual(4)
    const found = await stores.audit.list({ ...everything, tenantId, limit: 5_000 })
    expect(found.map((each) => each.requestId)).toEqual(
      Array.from({ length: 1_200 }, (_, index) => `r${1_199 - index}`),
    )
  })

  test('wait while the database is away and are written when it is back', async () => {
    const replica = stores.replica({ url: line.url })
    const tenantId = 'patient'
    line.cut()
    const appends = Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        replica.stores.audit.append(entry({ tenantId, requestId: `r${index}` })),
      ),
    )
    await pause(200)
    line.mend()
    await appends
    expect(await stores.audit.list({ ...everything, tenantId })).toHaveLength(50)
  })

  test('that nobody waited for are written before the process ends', async () => {
    const { stores: ending } = stores.replica()
    const tenantId = 'ending'
    const appends = Array.from({ length: 700 }, () => ending.audit.append(entry({ tenantId })))
    await ending.close()
    expect(await stores.audit.list({ ...everything, tenantId })).toHaveLength(700)
    await Promise.all(appends)
    await expect(ending.audit.append(entry())).rejects.toMatchObject({ reason: 'database_unavailable' })
  })

  test('beyond what memory may hold are refused, not kept; what is kept is written, however late', async () => {
    const replica = stores.replica({ url: line.url })
    const tenantId = 'flood'
    line.cut()
    const appends = Array.from({ length: 20_005 }, () => replica.stores.audit.append(entry({ tenantId })))
    const settled = Promise.allSettled(appends)
    await expect(appends.at(-1)).rejects.toMatchObject({ reason: 'database_unavailable' })
    line.mend()
    await settled
    // On a machine whose disk stalls, callers have lost their patience by now: their entries are written all the same.
    const written = async (): Promise<unknown> =>
      (await stores.sql(`select count(*)::int as count from audit_events where tenant_id = 'flood'`))[0]?.['count']
    await eventually(async () => Number(await written()) >= 20_000)
    expect(await written()).toBe(20_000)
  })
})

describe('the listing of the audit', () => {
  const tenantId = 'listed'
  beforeAll(async () => {
    for (let index = 0; index < 30; index++)
      await stores.audit.append(
        entry({
          tenantId,
          requestId: `r${index}`,
          eventType: index % 2 ? 'token_retrieved' : 'oauth_error',
          connectionId: `cn_${index % 3}`,
          clientId: `cl_${index % 5}`,
        }),
      )
    await stores.sql(
      `update audit_events set created_at = '2026-01-01T00:00:00Z'::timestamptz + substr(request_id, 2)::int * interval '1 minute'
       where tenant_id = 'listed'`,
    )
  })
  const found = async (query: Partial<typeof everything> | Record<string, unknown>): Promise<number[]> => {
    const rows = await stores.audit.list({ ...everything, tenantId, ...query })
    return rows.map((row) => Number(row.requestId?.slice(1)))
  }
  const downFrom = (top: number, isWanted: (n: number) => boolean = () => true): number[] =>
    Array.from({ length: top + 1 }, (_, index) => top - index).filter(isWanted)

  test('gives every page, newest first, without a gap or a repetition', async () => {
    const seen: number[] = []
    let before: string | undefined
    for (let page = 0; page < 8; page++) {
      const rows = await stores.audit.list({ ...everything, tenantId, limit: 4, before })
      seen.push(...rows.map((row) => Number(row.requestId?.slice(1))))
      before = rows.at(-1)?.id
    }
    expect(seen).toEqual(downFrom(29))
  })

  test('filters by type, connection, client and time', async () => {
    expect(await found({ eventType: 'oauth_error' })).toEqual(downFrom(29, (n) => n % 2 === 0))
    expect(await found({ connectionId: 'cn_1' })).toEqual(downFrom(29, (n) => n % 3 === 1))
    expect(await found({ clientId: 'cl_4', eventType: 'oauth_error' })).toEqual([24, 14, 4])
    const times = { since: new Date('2026-01-01T00:10:00Z'), until: new Date('2026-01-01T00:13:00Z') }
    expect(await found(times)).toEqual([12, 11, 10])
  })

  test('shows a tenant nothing of another', async () => {
    expect(await found({ tenantId: 'other-tenant' })).toEqual([])
  })

  test.each(['x', '-1', '1; drop table audit_events', '9'.repeat(30)])('refuses the cursor %p', async (before) => {
    await expect(found({ before })).rejects.toMatchObject({ reason: 'invalid_cursor' })
  })
})
