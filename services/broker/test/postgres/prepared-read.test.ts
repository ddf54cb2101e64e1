import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { prepareRead } from '../../src/postgres/prepared-read.js'
import { startStores, type TestStores } from './start-stores.js'

let stores: TestStores
beforeAll(async () => {
  stores = await startStores()
  await stores.sql('create table things (tenant_id text, id text, n int, primary key (tenant_id, id))')
  await stores.sql(`insert into things select t, n::text, n from generate_series(0, 999) n, unnest(array['a', 'b']) t
                    where t = 'a' or n < 10`)
})
afterAll(() => stores.stop())

const sql =
  'select n, pg_backend_pid() as pid, statement_timestamp()::text as at from things where tenant_id = $1 and id = $2'
type Thing = { n: number; pid: number; at: string }

test('reads of the same moment share a few statements, and each gets its own row or none', async () => {
  const read = prepareRead<Thing>(stores.database, 'thing', sql)
  const wanted = Array.from({ length: 1_500 }, (_, index) => [index % 2 ? 'a' : 'b', String(index % 1_100)] as const)
  const found = await Promise.all(wanted.map(([tenantId, id]) => read(tenantId, id)))
  const exists = (tenantId: string, n: number): boolean => n < (tenantId === 'a' ? 1_000 : 10)
  expect(found.map((row) => row?.n)).toEqual(
    wanted.map(([tenantId, id]) => (exists(tenantId, Number(id)) ? Number(id) : undefined)),
  )
  expect(new Set(found.flatMap((row) => (row ? [`${row.pid} ${row.at}`] : []))).size).toBeLessThanOrEqual(10)
})

test('a read in no hurry leaves the last statement of its kind the time it was given', async () => {
  const everyMs = 100
  const read = prepareRead<Thing>(stores.database, 'unhurried', sql, everyMs)
  const startedAtMs = performance.now()
  await read('a', '1')
  expect(await Promise.all([read('a', '2'), read('b', '3')])).toMatchObject([{ n: 2 }, { n: 3 }])
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(everyMs - 2) // a timer may be early by a little
})

test('a failure reaches everybody who shared the statement, and nobody after them', async () => {
  const read = prepareRead<Thing>(stores.database, 'failing', sql.replace('things', 'later'))
  const early = await Promise.allSettled([read('a', '1'), read('a', '2')])
  expect(early.map((each) => each.status)).toEqual(['rejected', 'rejected'])
  await stores.sql('create view later as select * from things')
  expect(await read('a', '2')).toMatchObject({ n: 2 })
})

test('a session that ended is no failure of a read', async () => {
  const read = prepareRead<Thing>(stores.database, 'surviving', sql)
  for (let round = 0; round < 5; round++) {
    const row = await read('a', String(round))
    await stores.sql('select pg_terminate_backend($1)', [row?.pid])
    expect(await read('a', '7')).toMatchObject({ n: 7 })
  }
})

test('PostgreSQL makes no new plan for each read', async () => {
  const read = prepareRead<Thing>(stores.database, 'planned', sql)
  for (let n = 0; n < 20; n++) await read('a', String(n))
  const { rows } = await stores.database.reader.query<{ custom_plans: string }>(
    `select custom_plans from pg_prepared_statements where name = 'planned'`,
  )
  expect(rows.map((row) => Number(row.custom_plans))).toEqual([5]) // with so many it compares before it keeps one
})
