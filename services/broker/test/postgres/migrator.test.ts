import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { createTestDatabase, type TestDatabase } from '@dromos/local/test-database'
import pg from 'pg'
import { migrate, type Migration, pendingMigrations, readMigrations } from '../../src/postgres/migrator.js'

const program = fileURLToPath(new URL('../../dist/migrate.js', import.meta.url))
const run = promisify(execFile)

let database: TestDatabase
let session: pg.Client
beforeAll(async () => {
  database = await createTestDatabase()
  session = new pg.Client({ connectionString: database.url })
  await session.connect()
})
afterAll(async () => {
  await session.end()
  await database.drop()
})
beforeEach(() => session.query('drop schema public cascade; create schema public'))

const migration = (name: string, sql: string): Migration => ({ name, sql, checksum: `checksum of ${sql}` })
const first = migration('0001_create_a.sql', 'create table a (n int)')
const second = migration('0002_create_b.sql', 'create table b (n int)')
const third = migration('0003_create_c.sql', 'create table c (n int)')

async function apply(migrations: Migration[]): Promise<{ applied: string[]; warnings: string[] }> {
  const warnings: string[] = []
  const applied = await migrate(session, migrations, {
    applied: () => undefined,
    warning: (sentence) => warnings.push(sentence),
  })
  return { applied, warnings }
}

const command = (url: string, ...options: string[]): Promise<{ stdout: string; stderr: string }> =>
  run(process.execPath, [program, ...options], { env: { PATH: process.env.PATH, DATABASE_URL: url } })

describe('migrating (fault 74)', () => {
  test('applies what is missing, in order, once', async () => {
    expect(await pendingMigrations(session, [first, second])).toEqual([first.name, second.name])
    expect(await apply([first])).toEqual({ applied: [first.name], warnings: [] })
    expect(await apply([first, second])).toEqual({ applied: [second.name], warnings: [] })
    expect(await apply([first, second])).toEqual({ applied: [], warnings: [] })
    expect(await pendingMigrations(session, [first, second])).toEqual([])
  })

  test('that fails leaves nothing of its file behind and can be repeated', async () => {
    const broken = migration('0002_create_b.sql', 'create table b (n int); select no_such_function()')
    await expect(apply([first, broken])).rejects.toThrow(
      /^0002_create_b\.sql failed and was rolled back: .*no_such_fun/,
    )
    expect(await pendingMigrations(session, [first, second])).toEqual([second.name])
    expect(await apply([first, second])).toMatchObject({ applied: [second.name] })
  })

  test('refuses an applied migration that was edited', async () => {
    await apply([first, second])
    const edited = { ...first, checksum: 'another' }
    await expect(apply([edited, second, third])).rejects.toThrow('0001_create_a.sql was edited after it was applied')
    expect(await pendingMigrations(session, [third])).toEqual([third.name])
  })

  test('refuses an applied migration whose file is missing', async () => {
    await apply([first, second])
    await expect(apply([second, third])).rejects.toThrow('0001_create_a.sql was applied to this database but its file')
  })

  test('refuses a migration that arrives before one that is applied', async () => {
    await apply([first, third])
    await expect(apply([first, second, third])).rejects.toThrow('0002_create_b.sql comes before 0003_create_c.sql')
  })

  test('runs on a database that is newer than the code and says so', async () => {
    await apply([first, second])
    const { applied, warnings } = await apply([first])
    expect([applied, warnings.length, await pendingMigrations(session, [first])]).toEqual([[], 1, []])
    expect(warnings[0]).toContain('the database is newer than this code (0002_create_b.sql)')
  })
})

describe('the migrations of this code', () => {
  test('have names that say their order, and line ends do not count as an edit', () => {
    const names = readMigrations().map((each) => each.name)
    expect(names).toEqual([...names].sort())
    const folder = mkdtempSync(join(tmpdir(), 'migrations-'))
    const directory = pathToFileURL(`${folder}/`)
    writeFileSync(join(folder, '0001_create_a.sql'), 'select 1;\nselect 2;\n')
    const [unix] = readMigrations(directory)
    writeFileSync(join(folder, '0001_create_a.sql'), 'select 1;\r\nselect 2;\r\n')
    expect(readMigrations(directory)).toEqual([unix])
    writeFileSync(join(folder, '0001_create_b.sql'), 'select 1')
    expect(() => readMigrations(directory)).toThrow('two migrations have the number of 0001_create_b.sql')
    writeFileSync(join(folder, 'fix.sql'), 'select 1')
    expect(() => readMigrations(directory)).toThrow()
    rmSync(folder, { recursive: true })
  })

  test('each table they make is used by the code (fault 77)', async () => {
    await apply(readMigrations())
    const { rows } = await session.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'public' order by 1`,
    )
    const { stdout } = await run('grep', ['-rhoE', '--include=*.ts', '(from|into|update|join) [a-z_]+', sources])
    const used = new Set(stdout.split('\n').map((line) => line.split(' ')[1]))
    expect(rows.map((row) => row.name).filter((name) => !used.has(name))).toEqual([])
  })
})

const sources = fileURLToPath(new URL('../../src/postgres', import.meta.url))

describe('the command', () => {
  test('ten at once on an empty database apply everything exactly once', async () => {
    const runs = await Promise.all(Array.from({ length: 10 }, () => command(database.url)))
    const applied = runs.flatMap((each) => each.stdout.match(/^applied .*$/gm) ?? []).sort()
    expect(applied).toEqual(readMigrations().map((each) => `applied ${each.name}`))
    expect(runs.map((each) => [/^up to date/m.test(each.stdout), each.stderr])).toEqual(Array(10).fill([true, '']))
    expect((await command(database.url)).stdout).toBe('up to date\n')
  })

  test('explains itself, and ends with a sentence when it cannot work', async () => {
    expect((await command('', '--help')).stdout).toContain('usage: DATABASE_URL=')
    const secret = randomBytes(8).toString('hex')
    const nowhere = `postgres://dromos:${secret}@127.0.0.1:1/dromos`
    await expect(command(nowhere)).rejects.toMatchObject({
      code: 1,
      stderr:
        'cannot use PostgreSQL at 127.0.0.1:1/dromos as "dromos": nothing listens there: is PostgreSQL running?\n',
    })
    const wrong = new URL(database.url)
    wrong.pathname = '/no_such_database'
    await expect(command(wrong.href)).rejects.toMatchObject({ code: 1, stderr: /the database does not exist/ })
    await expect(command('')).rejects.toMatchObject({ code: 78 })
    await expect(command(nowhere, '--force')).rejects.toMatchObject({ code: 64 })
  })
})
