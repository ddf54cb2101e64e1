import { describe, expect, test } from '@jest/globals'
import { isSameAddress } from '../../src/domain/redirect-uri.js'

describe('the address an answer came to', () => {
  const asked = 'https://one.example/auth/callback/acme'
  test('may have another host: BASE_URL can change while a person is at the provider', () =>
    expect(isSameAddress('https://two.example/auth/callback/acme', asked)).toBe(true))
  test.each(['https://one.example/auth/callback', 'https://one.example/auth/callback/other'])(
    'may not be that of another provider: %s (A8)',
    (address) => expect(isSameAddress(address, asked)).toBe(false),
  )
})
