import { describe, expect, test } from '@jest/globals'
import { checkProfile } from '../../src/domain/check-profile.js'
import { checkCredentials } from '../../src/domain/credential-schema.js'
import type { StaticProvider } from '../../src/domain/provider.js'
import { toProvider } from '../../src/domain/resolve-profile.js'
import { applyStrategy, problemOfValue, requiredFields } from '../../src/domain/strategy.js'

const identity = { id: '1', name: 'acme', version: 1, isDeleted: false }

function staticProvider(change: Record<string, unknown>): StaticProvider {
  const provider = toProvider(identity, checkProfile({ name: 'acme', ...change }, { hasSecret: false }))
  if (provider.kind !== 'static') throw new Error('not a static provider')
  return provider
}

describe('one strategy definition drives form, validation and use (fault 26)', () => {
  test.each([
    ['api_key', {}, { api_key: 'k' }, { headers: { 'x-api-key': 'k' }, query: {} }],
    ['api_key', { auth_header: 'X-Acme' }, { api_key: 'k' }, { headers: { 'x-acme': 'k' }, query: {} }],
    [
      'header',
      { strategy: { type: 'header', config: { value_prefix: 'Token ' } } },
      { api_key: 'k' },
      { headers: { authorization: 'Token k' }, query: {} },
    ],
    [
      'query_param',
      { strategy: { type: 'query_param', config: { param_name: 'key', credential_field: 'k1' } } },
      { k1: 'k' },
      { headers: {}, query: { key: 'k' } },
    ],
    [
      'basic_auth',
      {},
      { username: 'ada', password: 'päss' },
      { headers: { authorization: 'Basic YWRhOnDDpHNz' }, query: {} },
    ],
    [
      'hmac_payload',
      { strategy: { type: 'hmac_payload', config: { header_name: 'X-Sig' } } },
      { api_secret: 's' },
      undefined,
    ],
    [
      'aws_sigv4',
      { strategy: { type: 'aws_sigv4', config: { service: 's3' } } },
      { access_key: 'a', secret_key: 's' },
      undefined,
    ],
  ])('%s: what the derived form accepts is what is sent', (auth_type, change, values, applied) => {
    const provider = staticProvider({ auth_type, ...change })
    expect(checkCredentials(provider, values)).toEqual(values)
    expect(Object.keys(values)).toEqual(requiredFields(provider.strategy))
    expect(applyStrategy(provider.strategy, values)).toEqual(applied)
  })

  test.each(['query_param', 'hmac_payload', 'aws_sigv4'])(
    '%s is refused at registration without its configuration',
    (auth_type) => {
      expect(() => checkProfile({ name: 'acme', auth_type }, { hasSecret: false })).toThrow(
        expect.objectContaining({ reason: 'invalid_provider' }),
      )
    },
  )

  test('temporary AWS credentials may bring their session token', () => {
    const provider = staticProvider({
      auth_type: 'aws_sigv4',
      strategy: { type: 'aws_sigv4', config: { service: 's3' } },
    })
    const values = { access_key: 'a', secret_key: 's', session_token: 't' }
    expect(checkCredentials(provider, values)).toEqual(values)
  })
})

describe('a value of a strategy', () => {
  const basic = { type: 'basic_auth' } as const

  test('that would split or break a header is refused', () => {
    for (const value of ['a\nb', 'a\r\nX: 1', ' a', 'a ', 'ключ', 'a\u0000'])
      expect(problemOfValue({ type: 'header' }, 'api_key', value)).toBeDefined()
    expect(problemOfValue({ type: 'header' }, 'api_key', 'a b~!')).toBeUndefined()
  })

  test('may hold a colon as a password but not as a user name (RFC 7617)', () => {
    expect(problemOfValue(basic, 'username', 'a:b')).toBe('must not hold a colon')
    expect(problemOfValue(basic, 'password', 'a:b')).toBeUndefined()
  })
})
