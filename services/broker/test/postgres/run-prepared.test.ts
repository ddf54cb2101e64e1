import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { type PreparedStatement, runPrepared } from '../../src/postgres/run-prepared.js'
import { startStores, type TestStores } from './start-stores.js'

// Owns the claims about prepared statements on the wire. node-pg's own query is what they are compared with.

let stores: TestStores
let pool: pg.Pool // of one session, in which all statements meet
let described = 0
beforeAll(async () => {
  stores = await startStores()
  pool = new pg.Pool({ connectionString: stores.url, max: 1 })
  pool.on('error', () => undefined)
  pool.on('connect', (client) => Reflect.get(client, 'connection').on('rowDescription', () => described++))
})
afterAll(async () => {
  await pool.end()
  await stores.stop()
})

const named = (name: string, text: string): PreparedStatement => ({ name, text })

const everyType = `
  select 1::int as int4, 2::bigint as int8, 1.5::float8 as float8, true as yes, false as no, 'é "x"' as text, '' as nothing,
         '2026-03-29 01:30:00.123456+00'::timestamptz as at, 'infinity'::timestamptz as never, '{"a": [1, null]}'::jsonb as json,
         'null'::jsonb as json_null, '\\x00ff'::bytea as bytes, '{a,NULL,"b,c"}'::text[] as texts, null::text as missing,
         gen_random_uuid() is not null as has_id
  from generate_series(1, $1::int)`

test('every value is what node-pg makes of it, in the first answer of a session and in later ones', async () => {
  const { rows } = await pool.query(everyType, [2])
  for (let turn = 0; turn < 3; turn++)
    expect(await runPrepared(pool, named('every_type', everyType), [2])).toEqual(rows)
})

test('rows of a named statement are described once in a session', async () => {
  await pool.query('select 1')
  described = 0
  for (let turn = 0; turn < 5; turn++) await runPrepared(pool, named('described', 'select $1::text as a'), ['x'])
  expect(described).toBe(1)
})

test('rows of two statements never share their columns', async () => {
  const both = [named('one', 'select 1 as a, 2 as b'), named('other', `select '2026-01-01'::text as b, null as c`)]
  const ask = () => Promise.all(both.map((statement) => runPrepared(pool, statement, [])))
  const expected = [[{ a: 1, b: 2 }], [{ b: '2026-01-01', c: null }]]
  expect([await ask(), await ask()]).toEqual([expected, expected])
})

test('a column may be called like a member of every object', async () => {
  const text = `select '{"x": 1}'::jsonb as "__proto__", 'c' as constructor, null as "toString", 'h' as "hasOwnProperty"`
  for (let turn = 0; turn < 2; turn++) {
    const [row] = await runPrepared(pool, named('members', text), [])
    expect(Object.entries(row ?? {})).toEqual([
      ['__proto__', { x: 1 }],
      ['constructor', 'c'],
      ['toString', null],
      ['hasOwnProperty', 'h'],
    ])
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype)
  }
})

test('parameters arrive as they were given', async () => {
  const texts = ['', 'NULL', '"', '\\', '{a,b}', ' , ', "'; --", 'ünï\u{1f600}', '\ud800', 'a\nb\tc']
  const text = `select $1::text[] as texts, $2::text[] as none, $3::bytea as bytes, $4::timestamptz as at, $5::bigint as big,
                  $6::boolean as yes, $7::text as nothing, $8::float8 as ratio`
  const at = new Date('2026-03-29T01:30:00.123Z')
  const values = [texts, [], Buffer.from([0, 255]), at, 9_007_199_254_740_993n, true, undefined, -0.25]
  const big = '9007199254740993'
  expect(await runPrepared(pool, named('parameters', text), values)).toEqual([
    {
      texts: texts.map((each) => each.replace('\ud800', '\ufffd')),
      none: [],
      bytes: Buffer.from([0, 255]),
      at,
      big,
      yes: true,
      nothing: null,
      ratio: -0.25,
    },
  ])
})

test('a parameter that PostgreSQL refuses is an error of its statement alone', async () => {
  const statement = named('refused', 'select $1::text as a')
  await expect(runPrepared(pool, statement, ['a\u0000'])).rejects.toMatchObject({ code: '22021' })
  expect(await runPrepared(pool, statement, ['a'])).toEqual([{ a: 'a' }])
})

test('a value that cannot be read is an error of its statement, not of the process', async () => {
  const pointType: number = 600 // no member of the types' enumeration
  const parsePoint: (text: string) => unknown = pg.types.getTypeParser(pointType)
  pg.types.setTypeParser(pointType, () => {
    throw new Error('no point')
  })
  const statement = named('unreadable', `select '(1,2)'::point as p from generate_series(1, 3)`)
  await expect(runPrepared(pool, statement, [])).rejects.toThrow('no point')
  pg.types.setTypeParser(pointType, parsePoint)
  expect(await runPrepared(pool, statement, [])).toHaveLength(3)
})

test('a statement without rows answers none, each time', async () => {
  await stores.sql('create table counted (n int)')
  const add = named('add', 'insert into counted values ($1)')
  for (let turn = 0; turn < 3; turn++) expect(await runPrepared(pool, add, [turn])).toEqual([])
  expect(await stores.sql('select n from counted order by n')).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }])
})

test('two statements of one name are refused', async () => {
  await runPrepared(pool, named('twice', 'select 1 as a'), [])
  await expect(runPrepared(pool, named('twice', 'select 2 as b'), [])).rejects.toThrow('two statements are named twice')
  expect(await runPrepared(pool, named('twice', 'select 1 as a'), [])).toEqual([{ a: 1 }])
})

test('after a column changed its type a row is never read by the old one', async () => {
  await stores.sql('create table changing as select 7::int as n')
  const statement = named('changing', 'select n from changing')
  expect(await runPrepared(pool, statement, [])).toEqual([{ n: 7 }])
  await stores.sql(`alter table changing alter n type text using n || '!'`)
  await expect(runPrepared(pool, statement, [])).rejects.toMatchObject({ code: '0A000' })
  expect(await runPrepared(pool, statement, [])).toEqual([{ n: '7!' }])
})

test('behind a pooler nothing is left prepared, and every answer is described', async () => {
  const before = await pool.query('select name from pg_prepared_statements')
  const unnamed = { name: undefined, text: 'select $1::int as a' }
  for (const a of [1, 2]) expect(await runPrepared(pool, unnamed, [a])).toEqual([{ a }])
  expect(await runPrepared(pool, { name: undefined, text: 'select $1::text as b' }, ['x'])).toEqual([{ b: 'x' }])
  expect((await pool.query('select name from pg_prepared_statements')).rows).toEqual(before.rows)
})
