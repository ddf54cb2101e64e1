import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createTestDatabase, type TestDatabase } from '@dromos/local/test-database'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { digestOfSecret } from '../src/domain/api-key.js'

const program = fileURLToPath(new URL('../dist/admin.js', import.meta.url))

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

type Outcome = { code: number; stdout: string; stderr: string }

const admin = (
  args: readonly string[],
  environment: Record<string, string> = { DATABASE_URL: database.url },
): Promise<Outcome> =>
  new Promise((resolve) => {
    const options = { env: { PATH: process.env.PATH, ...environment }, timeout: 15_000 }
    execFile(process.execPath, [program, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    )
  })

const create = (client: string, ...more: string[]): Promise<Outcome> =>
  admin(['keys', 'create', '--tenant', 'acme', '--client', client, ...more, '--json'])

type Printed = { key: string; keyId: string; clientId: string; tenantId: string }
const printed = (outcome: Outcome): Printed => {
  if (outcome.code !== 0) throw new Error(outcome.stderr)
  return JSON.parse(outcome.stdout) as Printed
}

test('a key is printed once and only its digest is stored, with tenant, client and audit (fault 7)', async () => {
  const made = printed(await create('mailer', '--role', 'agent', '--role', 'admin', '--expires-in-days', '30'))
  expect(made).toEqual({
    key: expect.stringMatching(/^dk_[0-9a-z]{16}_[0-9A-Za-z]{43}$/),
    keyId: made.key.slice(0, 19),
    clientId: expect.stringMatching(/^cl_/),
    tenantId: 'acme',
  })
  const { rows } = await db.query(
    `select c.roles, k.secret_digest, round(extract(epoch from k.expires_at - now()) / 86400) as days
     from client_keys k join clients c on c.id = k.client_id where k.key_id = $1`,
    [made.keyId],
  )
  expect(rows).toEqual([{ roles: ['agent', 'admin'], secret_digest: digestOfSecret(made.key.slice(20)), days: '30' }])
  const audit = await db.query('select * from audit_events')
  expect(audit.rows.map((row) => [row.event_type, row.tenant_id, row.request_id])).toEqual([
    ['client.created', 'acme', 'admin-cli'],
    ['key.created', 'acme', 'admin-cli'],
  ])
  expect(JSON.stringify(audit.rows)).not.toContain(made.key.slice(20))
})

test('a client holds two live keys: one in use, one being rolled out', async () => {
  const [one, two] = [
    printed(await create('rolling', '--role', 'agent')),
    printed(await create('rolling', '--role', 'agent')),
  ]
  expect(two.clientId).toBe(one.clientId)
  expect(await create('rolling', '--role', 'agent')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('revoke one first'),
  })
  expect(await admin(['keys', 'revoke', one.keyId])).toMatchObject({ code: 0, stdout: `revoked ${one.keyId}\n` })
  expect((await create('rolling', '--role', 'agent')).code).toBe(0)
  const { rows } = await db.query(`select tenant_id, event_data from audit_events where event_type = 'key.revoked'`)
  expect(rows).toEqual([{ tenant_id: 'acme', event_data: { client_id: one.clientId, key_id: one.keyId } }])
})

test('the list shows every key of a tenant and no secret', async () => {
  const made = printed(await create('listed', '--role', 'gateway'))
  const { stdout } = await admin(['keys', 'list', '--tenant', 'acme', '--json'])
  expect(JSON.parse(stdout)).toContainEqual(
    expect.objectContaining({ keyId: made.keyId, clientName: 'listed', roles: ['gateway'] }),
  )
  expect(stdout).not.toContain(made.key.slice(20))
  expect((await admin(['keys', 'list', '--tenant', 'elsewhere'])).stdout).toBe('no keys\n')
})

test.each<[string, string[], number, RegExp]>([
  [
    'a role nobody knows',
    ['keys', 'create', '--tenant', 'a', '--client', 'b', '--role', 'root'],
    64,
    /Allowed choices are agent, admin, gateway/,
  ],
  ['a missing option', ['keys', 'create', '--client', 'b', '--role', 'agent'], 64, /--tenant/],
  [
    'days that are none',
    ['keys', 'create', '--tenant', 'a', '--client', 'b', '--role', 'agent', '--expires-in-days', 'x'],
    1,
    /whole number/,
  ],
  ['an unknown key', ['keys', 'revoke', 'dk_0000000000000000'], 1, /no such key/],
  ['an unknown command', ['nonsense'], 64, /unknown command/],
])('%s is one clear sentence on stderr', async (_name, args, code, message) => {
  const outcome = await admin(args)
  expect(outcome).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) })
  expect(outcome.stderr).not.toMatch(/^\s+at /m)
})

test('without a database address, or without a database, it says so', async () => {
  expect(await admin(['keys', 'list'], {})).toMatchObject({ code: 78, stderr: expect.stringContaining('DATABASE_URL') })
  const nowhere = { DATABASE_URL: 'postgres://dromos:pw-canary@127.0.0.1:1/dromos' }
  const outcome = await admin(['keys', 'list'], nowhere)
  expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing listens there') })
  expect(outcome.stderr).not.toContain('pw-canary')
})

test('the help shows examples that a person can copy', async () => {
  const { code, stdout } = await admin(['keys', 'create', '--help'])
  expect(code).toBe(0)
  expect(stdout).toContain('admin keys create --tenant default --client mailer --role agent')
})

test('verify-audit says in words, as JSON and by its exit code whether the audit is what was sealed (A84)', async () => {
  const keys = { DATABASE_URL: database.url, ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64') }
  const good = await admin(['verify-audit'], keys)
  expect(good).toMatchObject({ code: 0, stderr: '' })
  expect(good.stdout).toMatch(/^the audit is what was sealed\n0 segments, 0 rows; .* \d+ rows not sealed yet\n$/)
  expect(await admin(['verify-audit', '--expect', 'x'], keys)).toMatchObject({ code: 1, stdout: '' })
  await db.query(
    `insert into audit_segments (id, last_event_id, newest_at, sealed_segment) values (1, 1, now(), '\\x01')`,
  )
  const bad = await admin(['verify-audit', '--json'], keys)
  expect(bad.code).toBe(1)
  expect(JSON.parse(bad.stdout)).toMatchObject({ problems: [{ segment: 1, kind: 'seal_broken' }] })
})

test('a tenant is told to complete its connections, which is audited once (A5)', async () => {
  const update = (rule: string) => admin(['tenants', 'update', 'acme', '--completion', rule])
  const rule = async () => (await db.query(`select requires_completion from tenants where id = 'acme'`)).rows
  expect(await update('required')).toMatchObject({ code: 0, stdout: 'completion is required for tenant acme\n' })
  expect(await rule()).toEqual([{ requires_completion: true }])
  expect((await update('required')).code).toBe(0)
  expect((await update('sometimes')).code).toBe(64)
  expect((await update('optional')).code).toBe(0)
  expect(await rule()).toEqual([{ requires_completion: false }])
  const { rows } = await db.query(
    `select tenant_id, event_data from audit_events where event_type = 'tenant.updated' order by id`,
  )
  expect(rows).toEqual([
    { tenant_id: 'acme', event_data: { completion: 'required' } },
    { tenant_id: 'acme', event_data: { completion: 'optional' } },
  ])
})
