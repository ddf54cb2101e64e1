import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { nameOf, readText, root, tableRows } from './doc-page.js'

// Holds docs/conformance.md, which `npm run conformance` writes, against the modules that have a test.

const folder = 'services/broker/test/conformance'
const tests = readdirSync(join(root, folder))
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => readText(join(folder, name)))
  .join('\n')
const tested = new Set(
  [...tests.matchAll(/['"`]((?:oidcc-client|fapi2-security-profile)[\w-]*)/g)].map((match) => match[1]),
)
const plans = JSON.parse(readText(join(folder, 'modules.json'))) as { modules: { id: string; reason?: string }[] }[]
const rows = tableRows(readText('docs/conformance.md'), 'Module')

test('docs/conformance.md says "passed" of exactly the modules that have a test: else run npm run conformance', () => {
  const passed = rows.filter((row) => row.Result === 'passed').map((row) => nameOf(row.Module))
  expect([...new Set(passed)].sort()).toEqual([...tested].sort())
  expect(rows.filter((row) => !['passed', 'not tested'].includes(row.Result ?? ''))).toEqual([])
})

test('every module of the plans has a row, and whatever has no test says why', () => {
  const modules = plans.flatMap((plan) => plan.modules)
  expect(rows.map((row) => nameOf(row.Module))).toEqual(modules.map(({ id }) => id))
  expect(modules.filter(({ id, reason }) => !tested.has(id) && reason === undefined)).toEqual([])
})
