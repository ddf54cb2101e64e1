import { expect, test } from '@jest/globals'
import { changedMembers, mergePatch, toWritable } from '../../src/domain/profile-changes.js'

// RFC 7396 appendix A, every case.
const cases: [string, string, string][] = [
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', '{}'],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', 'null', 'null'],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
  ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
]

test.each(cases)('merging into %s the patch %s gives %s (RFC 7396 appendix A)', (target, patch, result) => {
  expect(mergePatch(JSON.parse(target), JSON.parse(patch))).toEqual(JSON.parse(result))
})

test('a patch cannot reach the prototype of anything', () => {
  const merged = mergePatch({ a: {} }, JSON.parse('{"__proto__":{"x":1},"a":{"__proto__":{"x":1}}}'))
  expect(Object.getPrototypeOf(merged)).toBe(Object.prototype)
  expect({}).not.toHaveProperty('x')
})

test('the order of members is no change', () => {
  const [before, after] = [
    { params: { a: 1, b: [2] }, x: 1 },
    { x: 1, params: { b: [2], a: 1 } },
  ]
  expect(changedMembers(before, after)).toEqual([])
  expect(changedMembers(before, { ...after, params: { a: 1, b: [3] }, y: 0 })).toEqual(['params', 'y'])
})

test('what only a reading gives is left out of a writing', () => {
  const reading = {
    name: '',
    id: 'i',
    version: 1,
    created_at: 't',
    updated_at: 't',
    client_secret_set: true,
    issuer: '',
  }
  expect(toWritable(reading)).toEqual({ name: '', issuer: null })
})
