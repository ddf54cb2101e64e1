import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { runCommand } from '../cli/command.js'
import { blockNamed, packageFolder, readme } from './readme.js'

// What a stranger gets: the packed tarball (of dist, so after npx tsc -b), installed in an empty directory without a
// network, and the README word for word.

const run = promisify(execFile)
jest.setTimeout(60_000) // npm takes its time on a busy machine
let folder: string
let packed: { filename: string; files: Array<{ path: string }> }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lab-packed-'))
  const options = { cwd: packageFolder, env: { ...process.env, npm_config_cache: join(folder, 'cache') } }
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], options)
  packed = (JSON.parse(stdout) as [typeof packed])[0]
  await writeFile(join(folder, 'package.json'), '{"private":true}')
  const install = ['install', '--offline', '--no-audit', '--no-fund', join(folder, packed.filename)]
  await run('npm', install, { ...options, cwd: folder })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('the tarball has the command, the library, its types, the README and the licence, and nothing of ours besides', () => {
  const paths = packed.files.map(({ path }) => path)
  expect(paths).toEqual(
    expect.arrayContaining(['bin/dromos-lab.mjs', 'dist/index.js', 'dist/index.d.ts', 'README.md', 'LICENSE']),
  )
  expect(
    paths.filter((path) => !/^(bin\/|dist\/.*\.(js|d\.ts)$|README\.md$|LICENSE$|package\.json$)/.test(path)),
  ).toEqual([])
})

test('it brings no dependencies', async () => {
  const { stdout } = await run('npm', ['ls', '--all', '--parseable'], { cwd: folder })
  expect(stdout.trim().split('\n')).toHaveLength(2) // the directory itself and the lab
})

test('npx finds the command', async () => {
  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as { version: string }
  const { stdout } = await run('npx', ['--offline', 'dromos-lab', '--version'], { cwd: folder })
  expect(stdout.trim()).toBe(version)
})

const says = /^refresh \d+ failed: .+\nthe provider answered (\d{3}|nothing) because of \w+\.[\w, .]+\n$/

test('the client of the README fails against hostile5, and the journal says why, as the README shows', async () => {
  await writeFile(join(folder, 'client.mjs'), blockNamed('client.mjs'))
  const command = [join(folder, 'node_modules/.bin/dromos-lab')]
  const lab = runCommand(['--preset', 'hostile5', '--seed', '7', '--port', '0', '--control-port', '0'], command, folder)
  const [, control = ''] = await lab.prints(/control API +(\S+)/)
  const client = runCommand([join(folder, 'client.mjs'), control], [process.execPath], folder)
  expect((await client.ended).code).toBe(1)
  expect(client.printed()).toMatch(says)
  // As an example: which request fails first changes whenever a switch is added.
  expect(/```text\n([^`]*)```/.exec(readme)?.[1]).toMatch(says)
  lab.signal('SIGINT')
  expect((await lab.ended).code).toBe(0)
})

test('the program of the README runs as it stands', async () => {
  await writeFile(join(folder, 'in-process.mjs'), blockNamed('in-process.mjs'))
  const { stdout } = await run(process.execPath, ['in-process.mjs'], { cwd: folder })
  expect(stdout).toBe('0\n0\n')
})
