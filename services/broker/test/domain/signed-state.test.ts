import { createHmac } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { signState, type State, verifyState } from '../../src/domain/signed-state.js'

const key = Buffer.alloc(32, 7)
const now = Date.parse('2026-01-02T03:04:05Z')
const state: State = {
  workspace_id: 'ws<&>1',
  provider_id: '11111111-2222-4333-8444-555555555555',
  nonce: 'cn_1',
  iat: new Date(now).toISOString(),
  tenant: 'default',
  request: 'ar_1',
  purpose: 'authorization',
}
const refused = expect.objectContaining({ reason: 'invalid_state' })
const verify = (value: unknown, at = now, keys = [key]) => verifyState(value, 'authorization', keys, at)

function reasonOf(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  return 'nothing was thrown'
}

describe('state', () => {
  test('is base64url JSON, a dot, and the HMAC-SHA-256 of the JSON bytes', () => {
    const [json = '', signature] = signState(state, key).split('.')
    const bytes = Buffer.from(json, 'base64url')
    expect(JSON.parse(bytes.toString())).toEqual(state)
    expect(signature).toBe(createHmac('sha256', key).update(bytes).digest('base64url'))
  })

  test('the MAC is that of the v1 interop vector', () => {
    const vectorKey = Buffer.from('AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=', 'base64')
    const vector =
      'eyJ3b3Jrc3BhY2VfaWQiOiJ3c1x1MDAzY1x1MDAyNlx1MDAzZTEiLCJwcm92aWRlcl9pZCI6IjExMTExMTExLTIyMjItNDMzMy04NDQ0LTU1NTU1NTU1NTU1NSIsIm5vbmNlIjoiYWFhYWFhYWEtYmJiYi00Y2NjLThkZGQtZWVlZWVlZWVlZWVlIiwiaWF0IjoiMjAyNi0wMS0wMlQwMzowNDowNS42Nzg5WiJ9.ZYaEa1CM-7hh-VmD-lA7-ijadQn-8rRpAkNvD5fk89c'
    const [json = '', signature] = vector.split('.')
    expect(createHmac('sha256', vectorKey).update(Buffer.from(json, 'base64url')).digest('base64url')).toBe(signature)
  })

  test('verifies under any key of the list and only for its purpose', () => {
    expect(verify(signState(state, key), now, [Buffer.alloc(32, 9), key])).toEqual(state)
    expect(reasonOf(() => verifyState(signState(state, key), 'capture', [key], now))).toEqual(refused)
  })

  test('is refused after ten minutes, and when it comes from the future (fault 13)', () => {
    const signed = signState(state, key)
    expect(verify(signed, now + 10 * 60_000)).toEqual(state)
    expect(reasonOf(() => verify(signed, now + 10 * 60_000 + 1))).toEqual(refused)
    expect(reasonOf(() => verify(signed, now - 61_000))).toEqual(refused)
  })

  test.each([
    ['nothing', undefined],
    ['a number', 5],
    ['one part', 'abc'],
    ['three parts', 'a.b.c'],
    ['4 KB', 'a'.repeat(4096)],
    ['a foreign key', signState(state, Buffer.alloc(32, 8))],
    ['no time', signState({ ...state, iat: 'soon' }, key)],
    [
      'signed non-JSON',
      `${Buffer.from('nope').toString('base64url')}.${createHmac('sha256', key).update('nope').digest('base64url')}`,
    ],
    [
      'a v1 state without request and purpose',
      signState({ workspace_id: 'w', provider_id: 'p', nonce: 'n', iat: state.iat } as State, key),
    ],
  ])('is refused when it is %s', (_what, value) => {
    expect(reasonOf(() => verify(value))).toEqual(refused)
  })

  test('no change of a single character is accepted (A3)', () => {
    const signed = signState(state, key)
    fc.assert(
      fc.property(fc.nat(signed.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (index, character) => {
        const changed = signed.slice(0, index) + character + signed.slice(index + 1)
        fc.pre(changed !== signed)
        expect(reasonOf(() => verify(changed))).toEqual(refused)
      }),
      { numRuns: 2000 },
    )
  })
})
