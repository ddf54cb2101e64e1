import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { readText, root } from './doc-page.js'

// Owns which titles the tests of the tree have. Does not own what they are compared with.

/** Titles of every test: as they stand in the source (`%s` and all), and the names in the rows of `test.each`. */
export function testTitles(): Set<string> {
  const files = ['packages', 'services'].flatMap((top) => testFiles(top))
  return new Set(files.flatMap((path) => titlesOf(ts.createSourceFile(path, readText(path), ts.ScriptTarget.Latest))))
}

function testFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'dist') return []
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return testFiles(path)
    return entry.name.endsWith('.test.ts') ? [path] : []
  })
}

function titlesOf(source: ts.SourceFile): string[] {
  const titles: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) titles.push(...titlesOfCall(node))
    ts.forEachChild(node, visit)
  }
  visit(source)
  return titles
}

function titlesOfCall({ expression, arguments: [first] }: ts.CallExpression): string[] {
  if (first === undefined) return []
  // test('…'), test.each(table)('…') and the table itself
  if (isTest(expression) || (ts.isCallExpression(expression) && isEach(expression.expression))) return textOf(first)
  return isEach(expression) && ts.isArrayLiteralExpression(first) ? first.elements.flatMap(rowTitle) : []
}

const isTest = (node: ts.Node): boolean => ts.isIdentifier(node) && node.text === 'test'

const isEach = (node: ts.Node): boolean =>
  ts.isPropertyAccessExpression(node) && node.name.text === 'each' && isTest(node.expression)

const rowTitle = (row: ts.Expression): string[] =>
  ts.isArrayLiteralExpression(row) ? row.elements.slice(0, 1).flatMap(textOf) : textOf(row)

const textOf = (node: ts.Node): string[] => (ts.isStringLiteralLike(node) ? [node.text] : [])
