import fc from 'fast-check'

// Owns how a well-formed text is damaged, and what a hostile one looks like.

type Edit = {
  at: number
  kind: 'replace' | 'insert' | 'delete' | 'cut' | 'repeat' | 'swap'
  text: string
  length: number
}

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  kind: fc.constantFrom('replace', 'insert', 'delete', 'cut', 'repeat', 'swap'),
  text: fc.string({ minLength: 1, maxLength: 4, unit: 'binary' }),
  length: fc.integer({ min: 1, max: 16 }),
})

/** A valid text after one to four edits; may by chance be the text itself. */
export const damaged = (text: string): fc.Arbitrary<string> =>
  fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => edits.reduce(applyEdit, text))

function applyEdit(text: string, { at, kind, text: piece, length }: Edit): string {
  const from = Math.floor(at * text.length)
  const [head, middle, tail] = [text.slice(0, from), text.slice(from, from + length), text.slice(from + length)]
  switch (kind) {
    case 'replace':
      return head + piece + text.slice(from + piece.length)
    case 'insert':
      return head + piece + middle + tail
    case 'delete':
      return head + tail
    case 'cut':
      return head
    case 'repeat':
      return head + middle.repeat(3) + tail
    case 'swap':
      return tail + middle + head
  }
}

/** Names and values that parsers trip over. */
export const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>('', '\u0000', '\r\nx: y', '3600', 3600.5, -1, 1e308, -0, null, [], {}, true, '\ud800', 'é'),
  fc.string({ unit: 'binary' }),
)

export const oddName = fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'polluted', '', 'then')

/** Texts of any length that make a backtracking matcher slow. */
export const repetitions = [
  'a',
  '%',
  '.',
  '=',
  '&',
  '/',
  '[',
  '{"a":',
  '%2e',
  'a.',
  'a=&',
  '-_',
  ' ',
  '\\',
  '\u3002',
] as const
