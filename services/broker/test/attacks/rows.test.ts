import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'

// The attack list is a table of rows A1 to A87. A row stands here once a test proves it; it may not lose its last one.
const proven: readonly (number | [first: number, last: number])[] = [
  [1, 4], [7, 15], [17, 19], [21, 31], 34, [36, 38], [40, 61], 64, [67, 69], [71, 73], 77, [81, 82],
] // prettier-ignore

const root = fileURLToPath(new URL('../../../../', import.meta.url))

function testsBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'dist') return []
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return testsBelow(path)
    return entry.name.endsWith('.test.ts') ? [readFileSync(path, 'utf8')] : []
  })
}

test('every proven row of the attack list has a test titled with its id', () => {
  const text = ['services', 'packages'].flatMap((top) => testsBelow(join(root, top))).join('\n')
  const rows = proven.flatMap((row) => {
    const [first, last] = typeof row === 'number' ? [row, row] : row
    return Array.from({ length: last - first + 1 }, (_, index) => `(A${first + index})`)
  })
  expect(rows.filter((row) => !text.includes(row))).toEqual([])
})
