// Takes out one security defence after the other, in a copy of the tree, and runs the tests that must notice.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs' // prettier-ignore
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { defences } from '../evidence/defences.mjs'
import { writeDefences } from '../evidence/defences-page.mjs'
import { fail, prepare, root } from './prepare.mjs'

const [wanted] = process.argv.slice(2)
if (wanted === '--help') {
  console.log(`Usage: npm run defences [-- part of a name]

Switches off each defence of packages/local/evidence/defences.mjs, one at a time, in a copy of the tree, and runs the tests
that must fail then. Writes what came of it into docs/security.md. Takes some ten minutes.`)
  process.exit(0)
}

const chosen = defences.filter(({ name }) => wanted === undefined || name.includes(wanted))
if (chosen.length === 0) fail(`no defence has "${wanted}" in its name`)
await prepare()
const copy = mkdtempSync(join(tmpdir(), 'dromos-defences-'))
process.on('exit', () => rmSync(copy, { recursive: true, force: true }))
process.on('SIGINT', () => process.exit(130))

copyTree()
const results = []
for (const [index, defence] of chosen.entries()) {
  const startedAtMs = performance.now()
  const isNoticed = takeOut(defence)
  results.push({ ...defence, isNoticed })
  const seconds = Math.round((performance.now() - startedAtMs) / 1000)
  console.log(`${index + 1}/${chosen.length} ${isNoticed ? 'noticed' : 'NOT NOTICED'}: ${defence.name} (${seconds} s)`)
}
writeDefences(results)
const missed = results.filter(({ isNoticed }) => !isNoticed)
console.log(`${results.length - missed.length} of ${results.length} defences are missed when they are gone`)
process.exit(missed.length === 0 ? 0 : 1)

/** The tracked files and the compiled ones; packages from here, but our own from the copy. */
function copyTree() {
  const listed = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
  for (const path of listed.stdout.toString().split('\0').filter(Boolean))
    if (existsSync(join(root, path))) cpSync(join(root, path), join(copy, path), { recursive: true })
  const homes = ['packages', 'services'].flatMap((top) => readdirSync(join(root, top)).map((name) => join(top, name)))
  for (const home of homes)
    for (const folder of ['dist', 'node_modules'])
      if (existsSync(join(root, home, folder)))
        cpSync(join(root, home, folder), join(copy, home, folder), { recursive: true })
  const modules = join(copy, 'node_modules')
  mkdirSync(join(modules, '@dromos'), { recursive: true })
  for (const name of readdirSync(join(root, 'node_modules')))
    if (name !== '@dromos') symlinkSync(join(root, 'node_modules', name), join(modules, name))
  for (const home of homes) symlinkSync(join(copy, home), join(modules, '@dromos', home.split('/')[1]))
}

/** True when a test fails without the defence. The file is as it was afterwards. */
function takeOut({ file, from, to, tests }) {
  const path = join(copy, file)
  const source = readFileSync(path, 'utf8')
  if (!source.includes(from)) throw new Error(`${file} does not contain: ${from}`)
  writeFileSync(
    path,
    source.replace(from, () => to),
  )
  const jest = join(dirname(fileURLToPath(import.meta.resolve('jest/package.json'))), 'bin', 'jest.js')
  const options = ['--experimental-vm-modules', '--no-warnings', jest, '--rootDir', copy, '--maxWorkers=1', '--bail=1']
  const output = join(copy, 'results.json')
  try {
    spawnSync(process.execPath, [...options, '--json', '--outputFile', output, '--runTestsByPath', ...tests], {
      cwd: copy,
      stdio: 'ignore',
      timeout: 300_000,
    })
    // A file that does not even load proves nothing.
    const { numFailedTests, numPassedTests } = JSON.parse(readFileSync(output, 'utf8'))
    return numFailedTests > 0 && numPassedTests + numFailedTests > 1
  } finally {
    rmSync(output, { force: true })
    writeFileSync(path, source)
  }
}
