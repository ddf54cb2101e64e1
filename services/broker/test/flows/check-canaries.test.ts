import { randomBytes } from 'node:crypto'
import { createTestDatabase, type TestDatabase } from '@dromos/local/test-database'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import knex, { type Knex } from 'knex'
import { checkCanaries, isVaultUsable } from '../../src/flows/check-canaries.js'
import { createCanaryStore } from '../../src/postgres/canary-store.js'
import { createVault } from '../../src/vault/vault.js'

const [first, second] = [randomBytes(32), randomBytes(32)]
const vaultOf = (primary: Buffer, ...retired: Buffer[]) => createVault({ primary, retired })

let database: TestDatabase
let db: Knex
beforeAll(async () => {
  database = await createTestDatabase()
  db = knex({ client: 'pg', connection: database.url })
})
afterAll(async () => {
  await db.destroy()
  await database.drop()
})
beforeEach(() => db('vault_canaries').delete())

test('the first start leaves a canary, the next ones keep it', async () => {
  const store = createCanaryStore(db)
  await Promise.all([checkCanaries(store, vaultOf(first)), checkCanaries(store, vaultOf(first))])
  const [held, ...others] = await store.list()
  await checkCanaries(store, vaultOf(first))
  expect(others).toEqual([])
  expect(await store.list()).toEqual([held])
})

test('a start with another key is refused with both key ids and no key (A71)', async () => {
  const store = createCanaryStore(db)
  await checkCanaries(store, vaultOf(first))
  const refusal = await checkCanaries(store, vaultOf(second)).catch(String)
  expect(refusal).toContain(vaultOf(first).primaryKeyId)
  expect(refusal).toContain(vaultOf(second).primaryKeyId)
  for (const key of [first, second]) expect(refusal).not.toContain(key.toString('base64').slice(0, 8))
  expect(await store.list()).toHaveLength(1)
})

test('after a rotation both keys have a canary and the old one is still needed', async () => {
  const store = createCanaryStore(db)
  await checkCanaries(store, vaultOf(first))
  await checkCanaries(store, vaultOf(second, first))
  expect(await store.list()).toHaveLength(2)
  await expect(checkCanaries(store, vaultOf(second))).rejects.toMatchObject({ reason: 'integrity_error' })
})

test('a canary that was tampered with stops the start', async () => {
  const store = createCanaryStore(db)
  await checkCanaries(store, vaultOf(first))
  await db('vault_canaries').update({ envelope: randomBytes(60) })
  await expect(checkCanaries(store, vaultOf(first))).rejects.toThrow(/does not open/)
})

test('readiness can ask the vault to open what it seals', () => {
  expect(isVaultUsable(vaultOf(first))).toBe(true)
})
