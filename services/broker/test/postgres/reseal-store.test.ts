import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createResealStore } from '../../src/postgres/reseal-store.js'
import { sealedSources } from '../../src/postgres/sealed-sources.js'
import { keyIdOf } from '../../src/vault/vault.js'
import { givenPending, startStores, type TestStores } from './start-stores.js'

let stores: TestStores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores.stop())

const otherKey = '0123456789abcdef'

describe('what is sealed', () => {
  test('is every sealed column of the schema: a rotation leaves none behind', async () => {
    const columns = await stores.sql(
      `select table_name || '.' || column_name as name from information_schema.columns
       where column_name like 'sealed%' and data_type = 'bytea'`,
    )
    const known = sealedSources.map(({ table, column }) => `${table}.${column}`)
    expect(columns.map(({ name }) => name).sort()).toEqual(known.sort())
  })

  test('has one key, that of its table', async () => {
    for (const { table, key } of sealedSources) {
      const [row] = await stores.sql(
        `select array_agg(a.attname::text order by array_position(i.indkey::int2[], a.attnum)) as columns
         from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
         where i.indrelid = $1::regclass and i.indisprimary`,
        [table],
      )
      expect(row?.columns).toEqual(key.map(({ name }) => name))
    }
  })
})

describe('a window', () => {
  test('gives ciphertexts of other keys with what they are bound to, and walks every row once', async () => {
    const store = createResealStore(stores.database)
    const requests = []
    for (let index = 0; index < 7; index++) requests.push(await givenPending(stores))
    const seen: string[] = []
    let after: readonly string[] | undefined
    for (let round = 0; round < 10; round++) {
      const window = await store.window('flow secrets', after, 3, otherKey)
      for (const row of window.rows) {
        seen.push(row.context.recordId)
        expect(stores.vault.open(row.sealed, row.context)).toContain('canary-code-verifier')
      }
      if (window.last === undefined) break
      after = window.last
    }
    expect(seen.sort()).toEqual(requests.map(({ id }) => id).sort())
  })

  test('keeps ciphertexts of the primary key to itself', async () => {
    const store = createResealStore(stores.database)
    const [row] = (await store.window('flow secrets', undefined, 1, otherKey)).rows
    if (row === undefined) throw new Error('no row')
    expect((await store.window('flow secrets', undefined, 100, keyIdOf(row.sealed))).rows).toEqual([])
  })
})

test('counts what other keys seal, window by window', async () => {
  const store = createResealStore(stores.database)
  const [{ total } = { total: 0 }] = await stores.sql(
    'select count(*)::int as total from authorization_requests where sealed_secrets is not null',
  )
  const [row] = (await store.window('flow secrets', undefined, 1, otherKey)).rows
  const primaryKeyId = keyIdOf(row?.sealed ?? Buffer.alloc(0))
  const counts: Record<string, number> = {}
  let windows = 0
  for (let after: readonly string[] | undefined; ; windows++) {
    const counted = await store.count('flow secrets', after, 3, otherKey)
    for (const [id, rows] of Object.entries(counted.rows)) counts[id] = (counts[id] ?? 0) + rows
    after = counted.last
    if (after === undefined) break
  }
  expect(windows).toBeGreaterThan(1)
  expect(counts).toEqual({ [primaryKeyId]: total })
  expect((await store.count('flow secrets', undefined, 100, primaryKeyId)).rows).toEqual({})
})

describe('an exchange', () => {
  const firstRow = async () => {
    const [row] = (await createResealStore(stores.database).window('flow secrets', undefined, 1, otherKey)).rows
    if (row === undefined) throw new Error('no row')
    return row
  }
  const held = async (id: string) =>
    (await stores.sql('select sealed_secrets from authorization_requests where id = $1', [id]))[0]

  test('takes place only while the row holds what was read', async () => {
    const store = createResealStore(stores.database)
    const row = await firstRow()
    const fresh = Buffer.from('fresh')
    await stores.sql('update authorization_requests set sealed_secrets = $2 where id = $1', [
      row.context.recordId,
      fresh,
    ])
    expect(await store.replace('flow secrets', [{ key: row.key, from: row.sealed, to: Buffer.from('stale') }])).toBe(0)
    expect(await held(row.context.recordId)).toEqual({ sealed_secrets: fresh })
    expect(await store.replace('flow secrets', [{ key: row.key, from: fresh, to: row.sealed }])).toBe(1)
    expect(await held(row.context.recordId)).toEqual({ sealed_secrets: row.sealed })
  })

  test('waits for nobody who holds the row', async () => {
    const store = createResealStore(stores.database)
    const row = await firstRow()
    await stores.sql('begin')
    await stores.sql('select 1 from authorization_requests where id = $1 for update', [row.context.recordId])
    expect(await store.replace('flow secrets', [{ key: row.key, from: row.sealed, to: Buffer.from('x') }])).toBe(0)
    await stores.sql('rollback')
  })
})

describe('a rotation', () => {
  test('is worked on by one process; another follows one that fell silent', async () => {
    const [one, other] = [createResealStore(stores.database), createResealStore(stores.database)]
    await one.request('k2')
    expect(await one.take('k2')).toMatchObject({ keyId: 'k2', pass: 0 })
    expect(await other.take('k2')).toBeUndefined()
    await stores.sql(`update reseal_progress set worker_until = now()`)
    const taken = await other.take('k2')
    if (taken === undefined) throw new Error('not taken')
    expect(await other.save({ ...taken, resealed: 5 })).toBe(true)
    expect(await one.save({ ...taken, resealed: 1 })).toBe(false)
    expect(await one.latest()).toMatchObject({ resealed: 5 })
    await one.adjust('k2', { isPaused: true })
    expect(await other.take('k2')).toBeUndefined()
  })
})
