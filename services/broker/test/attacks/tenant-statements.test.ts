import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createTestDatabase, type TestDatabase } from '@dromos/local/test-database'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import ts from 'typescript'
import { strays, tables } from './tenant-conditions.js'

// Owns the promise that stands in the place of row-level security (docs/security.md says why): every statement over a
// tenant's table names the tenant, but for a short list of work that is about all tenants on purpose.

const folder = fileURLToPath(new URL('../../src/postgres/', import.meta.url))

/** How a part of a statement that leaves the tenant open begins → why it may. */
const aboutAllTenants: readonly (readonly [start: string, why: string])[] = [
  ['select r.tenant_id, r.id, r.connection_id', 'a browser’s link: 160 random bits, no caller'],
  ['select k.tenant_id, k.client_id', 'whose key it is decides who calls: the tenant is the answer'],
  ['select c.tenant_id, c.id as client_id, c.name', 'the operator’s command line, which is above tenants and may name one'],
  ['update client_keys set revoked_at', 'the operator’s command line, the same'],
  ['select 1 from connections where provider_id = :providerId and account_subject', 'an account is one at its provider; answers yes or no to ourselves'],
  ['select ctid as place from connections', 'the scheduler takes what is due, whoever’s it is; no caller'],
  ['with due as () update connections c set claimed_until', 'the scheduler, the very rows it took'],
  ['select c.tenant_id, c.id, c.provider_id', 'the scheduler, what has no plan yet'],
  ['select tenant_id, id from connections where status = \'revoking\'', 'the revocation worker takes what is due; no caller'],
  ['select tenant_id, id from authorization_requests where revoke_after', 'the revocation worker, the same'],
  ['select tenant_id, id from authorization_requests where sealed_secrets', 'housekeeping takes what is old; no caller'],
  ['select tenant_id, id from connections where ${isOld', 'housekeeping, the same'],
  ['select ${key.join(', 'housekeeping, whatever table'],
  ['with old as () delete from ${table}', 'housekeeping, the very rows it took, by their whole key'],
  ['select c.tenant_id, c.id from connections c join provider_profiles', 'the command after a restore, about the whole database'],
  ['from ${source.table}', 'the rotation of the encryption key, about the whole database'],
  ['select t.ctid as place, c.becomes', 'the rotation, by the whole key of each row'],
  ['with changes as (), held as () update ${source.table}', 'the rotation, the very rows it took'],
  ['select id, created_at, tenant_id, connection_id, event_type', 'the audit of a tenant; the default one reads what happened before any caller was known, too'],
  ['select count(*)::int as rows, max(created_at)', 'the chain over the whole audit'],
  ['select id from audit_events where id > :after', 'the chain, the same'],
  ['select count(*)::int as count from audit_events', 'the chain, the same'],
] // prettier-ignore

const sources = readdirSync(folder)
  .filter((name) => name.endsWith('.ts'))
  .map((file) => ts.createSourceFile(file, readFileSync(folder + file, 'utf8'), ts.ScriptTarget.Latest, true))

const isText = (node: ts.Node): boolean => ts.isTemplateExpression(node) || ts.isStringLiteralLike(node)
const textOf = (node: ts.Node): string => node.getText().slice(1, -1)

/** The texts of a file that have a name, which statements are put together from. */
function namedTexts(source: ts.SourceFile): Map<string, string> {
  const named = new Map<string, string>()
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && node.initializer && isText(node.initializer))
      named.set(node.name.getText(), textOf(node.initializer))
    ts.forEachChild(node, visit)
  }
  visit(source)
  return named
}

const everywhere = new Map(sources.flatMap((source) => [...namedTexts(source)]))

/** Every text of a file that is no mere piece, with the pieces it names put in: a name of its own file before others'. */
function statementsOf(source: ts.SourceFile): string[] {
  const own = namedTexts(source)
  const whole = (text: string, depth = 0): string =>
    depth > 5 ? text : text.replaceAll(/\$\{(\w+)\}/g, (piece, name: string) => {
      const named = own.get(name) ?? everywhere.get(name)
      return named === undefined ? piece : whole(named, depth + 1)
    }) // prettier-ignore
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (isText(node)) found.push(whole(textOf(node)))
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

const touches = new RegExp(`\\b(from|join|update|into|using) (${tables.join('|')}|\\$\\{)\\b`, 'i')
const statements = [...new Set(sources.flatMap(statementsOf))].filter((text) =>
  touches.test(text.replaceAll(/\s+/g, ' ')),
)

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

test('every statement over a tenant’s table is held to one tenant, or says why it is about all of them (A65)', () => {
  expect(statements.length).toBeGreaterThan(50)
  const open = [...new Set(statements.flatMap(strays))]
  expect(open.filter((part) => !aboutAllTenants.some(([start]) => part.startsWith(start)))).toEqual([])
  expect(aboutAllTenants.filter(([start]) => !open.some((part) => part.startsWith(start)))).toEqual([])
})

test.each([
  ['only selects it', 'select tenant_id, id from connections where id = :id'],
  ['only returns it', 'delete from connections where id = :id returning tenant_id = :tenantId'],
  ['only sets it', 'update connections set tenant_id = :tenantId where id = :id'],
  ['compares it with itself', 'select id from connections c where c.tenant_id = c.tenant_id and c.id = :id'],
  ['lets another condition do instead', 'select id from connections where tenant_id = :tenantId or id = :id'],
  ['lets another condition do instead, further on', 'select id from connections where id = :id or a = 1 and tenant_id = :tenantId'],
  ['holds it in brackets with an alternative', 'select id from connections where (tenant_id = :tenantId or a = 1) and id = :id'],
  ['denies it', 'select id from connections where not tenant_id = :tenantId'],
  ['asks for another', 'select id from connections where tenant_id <> :tenantId'],
  ['holds two tables to each other', 'select 1 from connections c join clients k on k.tenant_id = c.tenant_id where c.id = :id'],
  ['holds one table of two', 'select 1 from connections c join clients k on k.id = c.created_by where c.tenant_id = :tenantId'],
  ['holds the table of an inner query only', 'update connections set a = 1 where id in (select id from connections where tenant_id = :tenantId)'],
  ['leaves the inner query open', 'select 1 from connections where tenant_id = :tenantId and exists (select 1 from clients where id = :id)'],
  ['leaves a comma’s table open', 'update connections c set a = 1 from due, clients k where c.tenant_id = due.tenant_id and k.id = c.id'],
  ['inserts without it', 'insert into connections (id) select id from wanted'],
  ['takes what is another’s on conflict', 'insert into connections (tenant_id, id) values (1, 2) on conflict (id) do update set a = 1'],
])('a statement that %s is not taken for one that is held to a tenant (A65)', (_how, statement) => {
  expect(strays(statement)).toHaveLength(1)
}) // prettier-ignore

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
