import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'

// The attack list is a table of rows A1 to A87. A row has a test, or a sentence in docs/security.md on why it does not apply.
const lastRow = 87

const root = fileURLToPath(new URL('../../../../', import.meta.url))

function testsBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'dist') return []
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return testsBelow(path)
    return entry.name.endsWith('.test.ts') ? [readFileSync(path, 'utf8')] : []
  })
}

test('every row of the attack list has a test titled with its id, or a reason why it does not apply', () => {
  const text = ['services', 'packages'].flatMap((top) => testsBelow(join(root, top))).join('\n')
  const reasons = readFileSync(join(root, 'docs/security.md'), 'utf8')
  const rows = Array.from({ length: lastRow }, (_, index) => `A${index + 1}`)
  const hasTest = (row: string): boolean => text.includes(`(${row})`)
  const hasReason = (row: string): boolean => new RegExp(`^\\| ${row} \\| .{20,} \\|$`, 'm').test(reasons)
  expect(rows.filter((row) => !hasTest(row) && !hasReason(row))).toEqual([])
  expect(rows.filter((row) => hasTest(row) && hasReason(row))).toEqual([])
})
