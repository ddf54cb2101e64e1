// Runs the modules of the conformance suite's plans and writes docs/conformance.md from their results.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pageFile, readPlans, renderPage } from '../evidence/conformance-page.mjs'
import { prepare, root } from './prepare.mjs'

await prepare()
const folder = mkdtempSync(join(tmpdir(), 'dromos-conformance-'))
try {
  const output = join(folder, 'results.json')
  const jest = fileURLToPath(new URL('../../../node_modules/jest/bin/jest.js', import.meta.url))
  const options = ['--experimental-vm-modules', '--no-warnings', jest, '--rootDir', root]
  const results = ['--json', '--outputFile', output, 'services/broker/test/conformance']
  const { status } = spawnSync(process.execPath, [...options, ...results], { stdio: ['ignore', 'ignore', 'inherit'] })
  const { testResults } = JSON.parse(readFileSync(output, 'utf8'))
  const tests = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ title, status: outcome }) => ({
      title,
      isPassed: outcome === 'passed',
      file: basename(name),
    })),
  )
  writeFileSync(pageFile, renderPage(readPlans(), tests))
  console.log(`wrote ${fileURLToPath(pageFile)}`)
  process.exitCode = status ?? 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
