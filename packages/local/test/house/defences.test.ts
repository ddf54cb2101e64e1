import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { defences } from '../../evidence/defences.mjs'
import { readText, root, tableRows } from './doc-page.js'

// Taking the defences out takes minutes (npm run defences). What is quick is to hold the list against the sources.

test.each(defences)('$name can be taken out: its text stands in $file once', ({ file, from, to, tests }) => {
  expect(readText(file).split(from)).toHaveLength(2)
  expect(from).not.toBe(to)
  expect(tests.filter((path) => !existsSync(join(root, path)))).toEqual([])
})

test('docs/security.md records at least forty of them, and that their tests failed without them', () => {
  const rows = tableRows(readText('docs/security.md'), 'Defence taken out')
  const known = new Set(defences.map(({ name }) => name))
  expect(rows.filter((row) => !known.has(row['Defence taken out'] ?? ''))).toEqual([])
  expect(rows.filter((row) => !row.Then?.startsWith('fails: '))).toEqual([])
  expect(rows.length).toBeGreaterThanOrEqual(40)
})
