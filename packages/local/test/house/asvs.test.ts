import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { readText, root } from './doc-page.js'
import { testTitles } from './test-titles.js'

// Holds docs/asvs.json, requirement by requirement, against the tests of the tree.

type Requirement = {
  id: string
  level: 1 | 2 | 3
  what: string
  /** Titles of the tests that prove it. */
  tests?: string[]
  /** For requirements of documentation: where it stands, with an anchor. */
  document?: string
  notApplicable?: string
  /** Said plainly: what is missing. */
  notMet?: string
}

// OWASP ASVS 5.0.0: what applies to a broker of credentials, or was looked at and does not.
const lookedAt =
  `1.3.6 1.5.3 2.3.3 2.3.4 2.4.1 3.3.1 3.3.2 3.3.3 3.3.4 3.4.5 3.7.2 4.1.2 4.1.3 4.1.4 4.2.1 4.2.2 4.2.3 4.2.4 4.2.5
  7.2.3 8.2.1 8.2.2 8.2.3 8.3.1 8.3.3 8.4.1 9.1.1 9.1.2 9.1.3 9.2.1 9.2.2 9.2.3 10.1.1 10.1.2 10.2.1 10.2.2 10.2.3 10.3.1 10.3.2
  10.3.3 10.3.4 10.3.5 10.4.5 10.4.7 10.5.1 10.5.2 10.5.3 10.5.4 10.5.5 11.1.1 11.1.2 11.1.3 11.1.4 11.2.1 11.2.2 11.2.3 11.2.4
  11.2.5 11.3.1 11.3.2 11.3.3 11.3.4 11.4.1 11.5.1 11.6.1 11.7.2 12.1.1 12.2.1 12.3.1 12.3.2 12.3.3 12.3.4 13.1.1 13.1.2 13.1.3
  13.1.4 13.2.1 13.2.2 13.2.3 13.2.4 13.2.5 13.2.6 13.3.1 13.3.2 13.3.3 13.3.4 13.4.2 13.4.4 13.4.5 13.4.6 14.1.1 14.1.2 14.2.1
  14.2.2 14.2.4 14.2.6 14.2.7 14.3.2 15.1.2 15.2.2 15.3.2 15.3.3 15.3.4 15.3.5 15.3.6 15.3.7 15.4.1 15.4.2 15.4.3 15.4.4 16.1.1
  16.2.1 16.2.2 16.2.4 16.2.5 16.3.1 16.3.2 16.3.3 16.3.4 16.4.1 16.4.2 16.4.3 16.5.1 16.5.2 16.5.3 16.5.4`.split(/\s+/)

const { requirements } = JSON.parse(readText('docs/asvs.json')) as { requirements: Requirement[] }
const titles = testTitles()

test('every requirement that was looked at has an entry, and one answer: tests, a document or a reason', () => {
  expect(requirements.map(({ id }) => id).sort()).toEqual([...lookedAt].sort())
  const answers = ({ tests, document, notApplicable, notMet }: Requirement) =>
    [tests?.length, document, notApplicable, notMet].filter(Boolean).length
  expect(requirements.filter((each) => answers(each) !== 1).map(({ id }) => id)).toEqual([])
})

test('every test that is named is a test of the tree', () => {
  const dead = requirements.flatMap(({ id, tests = [] }) =>
    tests.filter((title) => !titles.has(title)).map((title) => `${id}: ${title}`),
  )
  expect(dead).toEqual([])
})

test('every document that is named has that heading', () => {
  const anchorsOf = (page: string): string[] =>
    [...readText(page).matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => text.toLowerCase().replaceAll(' ', '-'))
  const dead = requirements.flatMap(({ id, document }) => {
    if (document === undefined) return []
    const [page = '', anchor] = document.split('#')
    const isThere = existsSync(join(root, page)) && (anchor === undefined || anchorsOf(page).includes(anchor))
    return isThere ? [] : [`${id}: ${document}`]
  })
  expect(dead).toEqual([])
})

test('what is not met is of level 3, or said in docs/security.md', () => {
  const open = requirements.filter(({ notMet, level }) => notMet !== undefined && level < 3).map(({ id }) => id)
  expect(open.filter((id) => !readText('docs/security.md').includes(`ASVS ${id}`))).toEqual([])
})
