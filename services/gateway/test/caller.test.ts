import { describe, expect, test } from '@jest/globals'
import { ServiceError } from '@dromos/contract'
import { readCallerKey, readTraceparent } from '../src/caller.js'

const basic = (credentials: string): string => `Basic ${Buffer.from(credentials).toString('base64')}`

const keyOf = (apiKeys: string[], authorizations: string[] = []) => readCallerKey({ apiKeys, authorizations })

function reasonOf(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    if (error instanceof ServiceError) return error.reason
  }
  return 'accepted'
}

describe('the key of a caller', () => {
  test('is taken from X-API-Key, Bearer or Basic', () => {
    expect(keyOf([' dk_a_s '])).toBe('dk_a_s')
    expect(keyOf([], ['bearer dk_a_s'])).toBe('dk_a_s')
    expect(keyOf([], [basic('dk_a:s')])).toBe('dk_a_s')
    expect(keyOf([], [basic('any:dk_a_s')])).toBe('dk_a_s')
    expect(keyOf([], [basic('any:operator-key')])).toBe('operator-key')
    expect(keyOf([], [basic('dk_a:s:with:colons')])).toBe('dk_a_s:with:colons')
  })

  test('may be presented twice when it is the same', () => {
    expect(keyOf(['dk_a_s', 'dk_a_s'], [basic('dk_a:s')])).toBe('dk_a_s')
  })

  test('is absent when nothing or an empty header was sent', () => {
    expect(keyOf([])).toBeUndefined()
    expect(keyOf([' '])).toBeUndefined()
  })

  test('is refused when two different ones are presented, whatever their order', () => {
    expect(reasonOf(() => keyOf(['dk_a_s'], ['Bearer dk_b_s']))).toBe('invalid_request')
    expect(reasonOf(() => keyOf(['dk_a_s', 'dk_b_s']))).toBe('invalid_request')
  })

  test.each(['Digest username="x"', 'Bearer', 'Bearer a b', 'dk_a_s', ''])(
    'is not read from Authorization: %s',
    (header) => expect(reasonOf(() => keyOf([], [header]))).toBe('invalid_request'),
  )

  test.each([
    ['a line break that would start a header of its own', basic('dk_a:s\r\nX-Admin: 1')],
    ['a NUL', basic('dk_a:\0')],
    ['more than 512 characters', `Bearer ${'k'.repeat(513)}`],
    ['nothing', basic(':')],
  ])('is refused when it holds %s', (_title, header) =>
    expect(reasonOf(() => keyOf([], [header]))).toBe('invalid_api_key'),
  )
})

test('a traceparent is passed on only when it is one', () => {
  const valid = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  expect(readTraceparent(valid)).toBe(valid)
  for (const wrong of [undefined, '', `${valid}-x`, valid.toUpperCase(), '00-1-2-3'])
    expect(readTraceparent(wrong)).toBeUndefined()
})
