import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { checkReturnUrl, parseReturnUrlRule, type ReturnUrlRule, withResult } from '../../src/domain/return-url.js'

const rules = ['app.example.com', '*.tenants.example.com', 'https://odd.example.com:8443', 'localhost'].map(
  (text) => parseReturnUrlRule(text) as ReturnUrlRule,
)
const check = (url: string) => checkReturnUrl(url, rules)

describe('return URLs', () => {
  test.each([
    ['https://app.example.com/done', 'https://app.example.com/done'],
    ['https://APP.example.com', 'https://app.example.com/'],
    ['https://app.example.com./x', 'https://app.example.com./x'],
    ['https://a.b.tenants.example.com/', 'https://a.b.tenants.example.com/'],
    ['https://odd.example.com:8443/', 'https://odd.example.com:8443/'],
    ['http://localhost:3000/cb?x=1', 'http://localhost:3000/cb?x=1'],
  ])('%s is allowed', (url, serialised) => {
    expect(check(url)).toBe(serialised)
  })

  test.each([
    'http://app.example.com/', 'javascript:alert(1)', 'java\nscript:alert(1)', 'data:text/html,x', '//evil.com', 'https:evil.com',
    'https:/evil.com', 'https://evil.com', 'https://app.example.com.evil.com/', 'https://evilapp.example.com/',
    'https://app.example.com@evil.com/', 'https://app.example.com:pw@evil.com/', 'https://evil.com\\@app.example.com/',
    'https://app.example.com%2eevil.com/', 'https://app.example.com。evil.com/', 'https://tenants.example.com/',
    'https://app.example.com:444/', 'https://odd.example.com/', ' https://app.example.com/', 'https://app.example.com/\r\nX: y',
    'ftp://app.example.com/', 'custom://app.example.com/', 'http://[::1]:80/', '', 'https://', `https://app.example.com/${'a'.repeat(3000)}`,
  ])('%j is refused: scheme, host and port count, not the host alone (fault 23)', (url) => {
    expect(() => check(url)).toThrow(expect.objectContaining({ reason: 'return_url_not_allowed' }))
  }) // prettier-ignore

  test('whatever is accepted has an origin of the allowlist (A30)', () => {
    const origins =
      /^(https:\/\/app\.example\.com\.?|https:\/\/[^/]+\.tenants\.example\.com\.?|https:\/\/odd\.example\.com:8443|http:\/\/localhost(:\d+)?)$/
    const pieces = fc.constantFrom(
      'https://',
      'http://',
      'app.example.com',
      '@',
      ':',
      '/',
      '\\',
      '.',
      'evil.com',
      '%2e',
      '#',
      '?',
      'localhost',
      '3000',
      '..',
      '。',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 8 }), (parts) => {
        let accepted: string
        try {
          accepted = check(parts.join(''))
        } catch {
          return
        }
        expect(new URL(accepted).origin).toMatch(origins)
      }),
      { numRuns: 5000 },
    )
  })

  test('with enforcement off the syntax still counts', () => {
    expect(checkReturnUrl('https://anywhere.example/', undefined)).toBe('https://anywhere.example/')
    expect(() => checkReturnUrl('javascript:alert(1)', undefined)).toThrow()
  })

  test.each(['http://app.example.com', '*.com', 'app.example.com/path', 'https://', '*'])('%s is no rule', (text) => {
    expect(parseReturnUrlRule(text)).toBeUndefined()
  })

  test('a bracketed IPv6 host is matched (fault 23)', () => {
    expect(checkReturnUrl('http://[::1]:3000/', [parseReturnUrlRule('[::1]') as ReturnUrlRule])).toBe(
      'http://[::1]:3000/',
    )
  })

  test('results are added to the query that is there', () => {
    expect(withResult('https://app.example.com/cb?keep=1&status=old#top', { status: 'success' })).toBe(
      'https://app.example.com/cb?keep=1&status=success#top',
    )
  })
})
