import { expect } from '@jest/globals'
import fc from 'fast-check'
import { checkReturnUrl, parseReturnUrlRule, withResult } from '../../../../services/broker/src/domain/return-url.js'
import { damaged } from './hostile-text.js'
import { type FuzzTarget, unlessRefused } from './target.js'

const rules = ['app.example.com', '*.tenants.example.com', 'https://odd.example.com:8443'].flatMap(
  (text) => parseReturnUrlRule(text) ?? [],
)
const allowed = /^https:\/\/(app\.example\.com\.?|([^/.]+\.)+tenants\.example\.com\.?|odd\.example\.com\.?:8443)$/

const piece = fc.constantFrom(
  ...['https://', 'http://', 'javascript:', 'app.example.com', 'a.tenants.example.com', 'odd.example.com', 'evil.com'],
  ...[
    ':8443',
    ':443',
    ':pw@',
    '@',
    ':',
    '/',
    '\\',
    '.',
    '..',
    '%2e',
    '%00',
    '#',
    '?',
    '&',
    '=',
    '。',
    '．',
    '\t',
    '\n',
    ' ',
  ],
  ...['[::1]', 'xn--', 'ａ', '\u00ad', '\u200b', '\ud800'],
)
const read = (url: string) => unlessRefused(['return_url_not_allowed'], () => checkReturnUrl(url, rules))

/** Return URLs: whatever is accepted, and whatever is redirected to after it, has an origin of the allowlist. */
export const returnUrl: FuzzTarget = {
  name: 'return-url',
  attacks: '(A30)',
  runs: 3000,
  property: fc.property(
    fc.oneof(
      fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join('')),
      damaged('https://app.example.com/done?x=1'),
      damaged('https://a.tenants.example.com/'),
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
    ),
    fc.string({ unit: 'binary' }),
    (url, result) => {
      const accepted = read(url)
      if (accepted === undefined) return
      expect(new URL(accepted).origin).toMatch(allowed)
      expect(new URL(withResult(accepted, { status: result })).origin).toMatch(allowed)
    },
  ),
  read,
}
