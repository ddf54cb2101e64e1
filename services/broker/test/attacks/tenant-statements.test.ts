import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createTestDatabase, type TestDatabase } from '@dromos/local/test-database'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import ts from 'typescript'

// Owns the promise that stands in the place of row-level security (docs/security.md says why): every statement over a
// tenant's table names the tenant, but for a short list of work that is about all tenants on purpose.

const folder = fileURLToPath(new URL('../../src/postgres/', import.meta.url))

const tables = [
  'connections', 'authorization_requests', 'credential_orphans', 'idempotency_keys', 'clients', 'client_keys', 'audit_events',
] // prettier-ignore

/** How a statement that leaves the tenant out begins → why it may. */
const aboutAllTenants: readonly (readonly [start: string, why: string])[] = [
  ['select ${requestColumns} from authorization_requests r where r.id = :id', 'a browser’s link: 160 random bits, no caller'],
  ['update client_keys set revoked_at', 'the operator’s command line, which is above tenants'],
  ['select 1 from connections where provider_id = :providerId and account_subject', 'an account is one at its provider; answers yes or no to ourselves'],
  ['with due as ( select ctid as place from connections', 'the scheduler takes what is due, whoever’s it is; no caller'],
  ['select ${columns} from connections c where c.status', 'the scheduler, the same'],
  ['select count(*)::int as rows, max(created_at)', 'the chain over the whole audit'],
  ['select max(id) as up_to from (select id from audit_events', 'the chain, the same'],
  ['select count(*)::int as count from audit_events', 'the chain, the same'],
] // prettier-ignore

/** Every text of the file that could be a statement or a part of one, on one line. */
function textsOf(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(folder + file, 'utf8'), ts.ScriptTarget.Latest, true)
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    const isText = ts.isTemplateExpression(node) || ts.isStringLiteralLike(node)
    if (isText) found.push(node.getText().slice(1, -1).replaceAll(/\s+/g, ' ').trim())
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

const touches = new RegExp(`\\b(from|join|update|into|using) (${tables.join('|')})\\b`, 'i')
// An equality, the columns of an insert or of a claim that hands the key on; `byKey` is an equality of its file.
const namesTenant = /\btenant_id (=|is)|\((\w+, )?tenant_id, |\bselect (\w\.)?tenant_id, |\$\{byKey\}/

const statements = readdirSync(folder)
  .filter((name) => name.endsWith('.ts'))
  .flatMap((file) => textsOf(file).filter((text) => touches.test(text)))

let database: TestDatabase
let db: pg.Pool
beforeAll(async () => {
  database = await createTestDatabase()
  db = new pg.Pool({ connectionString: database.url, max: 1 })
})
afterAll(async () => {
  await db.end()
  await database.drop()
})

test('every statement over a tenant’s table names the tenant, or says why it is about all of them (A65)', () => {
  expect(statements.length).toBeGreaterThan(40)
  const without = statements.filter((text) => !namesTenant.test(text))
  const strays = without.filter((text) => !aboutAllTenants.some(([start]) => text.startsWith(start)))
  expect(strays).toEqual([])
  expect(aboutAllTenants.filter(([start]) => !without.some((text) => text.startsWith(start)))).toEqual([])
})

test('every table with a tenant is among them (A65)', async () => {
  const { rows } = await db.query<{ name: string }>(
    `select table_name as name from information_schema.columns
     where table_schema = current_schema() and column_name = 'tenant_id' order by table_name`,
  )
  expect(rows.map(({ name }) => name)).toEqual([...tables].sort())
})

test('what belongs to a tenant is found by it: the tenant comes first in its key and in every reference to it (A65)', async () => {
  const { rows } = await db.query<{ name: string; columns: string[] }>(
    `select c.conrelid::regclass::text || ' ' || c.contype::text as name,
            array(select a.attname::text from unnest(c.conkey) with ordinality as k (n, place)
                  join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.n order by k.place) as columns
     from pg_constraint c where c.contype in ('p', 'f') and c.conrelid::regclass::text = any ($1)`,
    [tables],
  )
  const named = rows.filter(({ columns }) => columns[0] !== 'tenant_id')
  // Found by what nobody can guess or ask for; providers belong to the installation.
  expect(named.map(({ name, columns }) => `${name} ${columns.join()}`).sort()).toEqual([
    'audit_events p id',
    'authorization_requests f provider_id',
    'client_keys p key_id',
    'connections f provider_id',
  ])
})
