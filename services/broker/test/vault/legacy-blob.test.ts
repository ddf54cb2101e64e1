import { expect, test } from '@jest/globals'
import { openLegacyBlob } from '../../src/vault/legacy-blob.js'

const key = Buffer.from('AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=', 'base64')
const blob = 'bvmdnArZKy8M0B+fWReDkTUo1RebaWSfrz7jJp5u0dd5gV/dhJGv11TUrlyng2L4ERIrUH3otExmreFeBZHld6GNBA=='

test('a blob of the Go system opens under its key (fault 48)', () => {
  expect(openLegacyBlob(blob, key)).toBe('{"access_token":"at","expires_in":3599}')
})

test.each([
  ['another key', blob, Buffer.alloc(32, 7)],
  ['a changed character', blob.replace('bvmd', 'bvme'), key],
  ['a tag cut short', Buffer.from(blob, 'base64').subarray(0, -4).toString('base64'), key],
  ['base64 of another alphabet', blob.replaceAll('+', '-').replaceAll('/', '_'), key],
  ['nothing', '', key],
])('%s is refused', (_name, text, underKey) => {
  expect(() => openLegacyBlob(text, underKey)).toThrow(
    expect.objectContaining({ reason: 'integrity_error', message: 'stored ciphertext did not open' }),
  )
})
