import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'

// The system that defined the v1 API had 78 known faults. Each is a claim about what we do instead, with a test titled so.
const root = fileURLToPath(new URL('../../../../', import.meta.url))
const lastFault = 78

function textFiles(folder: string, wanted: RegExp): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.name === 'node_modules' || entry.name === 'dist') return []
    if (entry.isDirectory()) return textFiles(path, wanted)
    return wanted.test(entry.name) ? [path] : []
  })
}

test('every fault of the Go original has a test titled with what we do instead (fault 78)', () => {
  const tests = ['packages', 'services'].flatMap((top) => textFiles(join(root, top), /\.test\.ts$/))
  const text = tests.map((file) => readFileSync(file, 'utf8')).join('\n')
  const missing = Array.from({ length: lastFault }, (_, index) => index + 1).filter(
    (n) => !text.includes(`(fault ${n})`),
  )
  expect(missing).toEqual([])
})

test('the pages say how far the audit shows tampering, and claim no more: it is a table, sealed a minute later (fault 65)', () => {
  const pages = [...textFiles(join(root, 'docs'), /\.md$/), join(root, 'README.md'), join(root, 'INTEGRATIONS.md')]
  const claims = pages.filter((page) => /tamper[- ]proof|immutable audit/i.test(readFileSync(page, 'utf8')))
  expect(claims).toEqual([])
  const page = readFileSync(join(root, 'docs/audit.md'), 'utf8')
  expect(page).toMatch(/verify-audit/)
  expect(page).toMatch(/not sealed yet/)
})
