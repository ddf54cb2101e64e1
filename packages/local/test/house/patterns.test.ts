import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import ts from 'typescript'
import { readText, root } from './doc-page.js'

// Owns the promise that no text makes a pattern work for longer than its length: every regular expression of the sources that
// run in a service is tried. Parsers as a whole: test/fuzz.

const homes = ['services/broker/src', 'services/gateway/src', 'packages/runtime/src', 'packages/contract/src']

const files = homes.flatMap((home) =>
  readdirSync(join(root, home), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(home, name)),
)

function patternsOf(file: string): { file: string; pattern: RegExp }[] {
  const source = ts.createSourceFile(file, readText(file), ts.ScriptTarget.Latest, true)
  const found: { file: string; pattern: RegExp }[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const [, body = '', flags = ''] = /^\/(.*)\/([a-z]*)$/s.exec(node.text) ?? []
      found.push({ file, pattern: new RegExp(body, flags.replace(/[gy]/g, '')) })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

const length = 20_000
const pieces = [...'aA0 .,:;=/%&"\'\\-_[](){}<>\t\n@#?~+é', '0.', 'a=b;', 'a,', ' a', '%41', 'a.', '::', '\u{1f600}']

/** Texts that end otherwise than they began, so that a pattern which can try again at every place does. */
const texts = pieces.flatMap((piece) => {
  const text = piece.repeat(Math.ceil(length / piece.length))
  return [text, `${text}\0`, `a=${text}!`, `[${text}`, `"${text}`]
})

/** Processor time, not the clock's: a straight pattern takes less than a millisecond, a squared one a tenth of a second. */
function takesLong(pattern: RegExp, text: string): boolean {
  const before = process.cpuUsage()
  pattern.test(text)
  return process.cpuUsage(before).user > 60_000
}

/** Looked at twice: the first time may have fallen together with a collection of garbage. */
const isSlow = (pattern: RegExp): boolean =>
  texts.some((text) => takesLong(pattern, text) && takesLong(pattern, text) && takesLong(pattern, text))

test('no pattern of the services takes a long text in more than proportion to its length (A79)', () => {
  const patterns = files.flatMap(patternsOf)
  expect(patterns.length).toBeGreaterThan(100)
  const slow = patterns.filter(({ pattern }) => isSlow(pattern))
  expect(slow.map(({ file, pattern }) => `${file}: ${pattern.source}`)).toEqual([])
})

test.each([/a+$/, /\s+$/, /\{([^}]+)\}/])('%s would be noticed (A79)', (pattern) => {
  expect(isSlow(pattern)).toBe(true)
})
