import { afterAll, expect, test } from '@jest/globals'
import { createTestDatabase, type TestDatabase } from '@dromos/local/test-database'
import pg from 'pg'

const databases: TestDatabase[] = []

afterAll(() => Promise.all(databases.map((database) => database.drop())))

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
    .query(statement)
    .then(({ rows }) => rows)
    .finally(() => client.end())
}

test('what one suite writes is not seen by another', async () => {
  databases.push(...(await Promise.all([createTestDatabase(), createTestDatabase(), createTestDatabase()])))
  const [ours, theirs] = databases
  await query(ours!.url, 'create table note (body text)')
  expect(await query(theirs!.url, `select to_regclass('note') as found`)).toEqual([{ found: null }])
})

test('a dropped database is gone although a session was open on it', async () => {
  const database = await createTestDatabase()
  const open = new pg.Client({ connectionString: database.url })
  open.on('error', () => {})
  await open.connect()
  await database.drop()
  await expect(query(database.url, 'select 1')).rejects.toMatchObject({ code: '3D000' })
  await open.end().catch(() => {})
})
