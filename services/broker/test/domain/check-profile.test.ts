import { describe, expect, test } from '@jest/globals'
import { checkProfile } from '../../src/domain/check-profile.js'
import { toProvider } from '../../src/domain/resolve-profile.js'
import { scopesToRequest } from '../../src/domain/scopes.js'

const oauth = {
  name: 'acme',
  auth_type: 'oauth2',
  client_id: 'c',
  client_secret: 's',
  auth_url: 'https://acme.example/authorize',
  token_url: 'https://acme.example/token',
}
const identity = { id: '1', name: 'acme', version: 1, isDeleted: false }
const check = (change: Record<string, unknown>, held = { hasSecret: false }) =>
  checkProfile({ ...oauth, ...change }, held)
const oauthProvider = (change: Record<string, unknown>) => {
  const provider = toProvider(identity, check(change))
  if (provider.kind !== 'oauth2') throw new Error('not an OAuth provider')
  return provider
}

describe('a provider profile', () => {
  test.each([
    ['an unknown field', { token_uri: 'https://x.example' }, 'token_uri'],
    ['a reserved authorize parameter', { authorize_params: { state: 'x' } }, 'reserved'],
    ['a reserved legacy parameter', { params: { redirect_uri: 'https://evil.example' } }, 'reserved'],
    ['a plain http endpoint', { token_url: 'http://acme.example/token' }, 'token_url'],
    ['credentials in a URL', { token_url: 'https://u:p@acme.example/token' }, 'token_url'],
    ['a missing endpoint', { token_url: undefined }, 'token_url: is required'],
    ['discovery without issuer', { enable_discovery: true }, 'issuer: is required'],
    ['a missing client id', { client_id: undefined }, 'client_id: is required'],
    ['a missing secret', { client_secret: undefined }, 'client_secret: is required'],
    ['an undeclared placeholder', { token_url: 'https://{sub}.acme.example/token' }, 'url_variables.sub'],
    ['a static strategy', { strategy: { type: 'header' } }, 'static credentials'],
  ])('with %s is refused by name, never by value (fault 69)', (_what, change, message) => {
    expect(() => check(change)).toThrow(
      expect.objectContaining({ reason: 'invalid_provider', message: expect.stringContaining(message) }),
    )
  })

  test.each(['Acme', 'a b', '', 'a/b', 5])('name %j is refused', (name) => {
    expect(() => check({ name })).toThrow(expect.objectContaining({ reason: 'invalid_provider_name' }))
  })

  test('a misplaced secret is not quoted in the error', () => {
    expect(() => check({ client_auth: 'hunter2-secret' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    )
  })

  test('flags and authorize parameters live side by side in the legacy bag (fault 21)', () => {
    const provider = oauthProvider({ params: { access_type: 'offline', skip_scope_on_auth: true } })
    expect(provider.parameters.authorize).toEqual({ access_type: 'offline' })
    expect(provider.scopes.onAuthorize).toBe(false)
  })

  test('the legacy auth_header chooses HTTP Basic', () => {
    expect(oauthProvider({ auth_header: 'client_secret_basic' }).clientAuthentication).toBe('client_secret_basic')
    expect(oauthProvider({ auth_header: 'anything' }).clientAuthentication).toBe('client_secret_post')
    expect(oauthProvider({}).clientAuthentication).toBeUndefined()
  })

  test('discovery needs no endpoints, and those that are given stay (fault 19)', () => {
    const { endpoints } = oauthProvider({
      auth_url: null,
      token_url: 'https://acme.example/token-alt',
      issuer: 'https://acme.example',
      enable_discovery: true,
    })
    expect(endpoints).toMatchObject({
      authorization: undefined,
      token: 'https://acme.example/token-alt',
      issuer: 'https://acme.example',
    })
  })

  test.each(['header', 'api_key', 'basic_auth'])(
    '%s needs no configuration to be connectable (fault 26)',
    (auth_type) => {
      const provider = toProvider(identity, checkProfile({ name: 'acme', auth_type }, { hasSecret: false }))
      expect(provider).toMatchObject({
        kind: 'static',
        strategy: { type: auth_type === 'api_key' ? 'header' : auth_type },
      })
    },
  )

  test.each(['query_param', 'hmac_payload', 'aws_sigv4'])(
    '%s without its configuration is refused at registration (fault 26)',
    (auth_type) => {
      expect(() => checkProfile({ name: 'acme', auth_type }, { hasSecret: false })).toThrow(/strategy/)
    },
  )
})

describe('scopes', () => {
  test('come from the provider when the caller names none, and outside its list are refused (fault 28)', () => {
    const provider = oauthProvider({ default_scopes: ['read'], allowed_scopes: ['read', 'write'] })
    expect(scopesToRequest(provider, undefined)).toEqual(['read'])
    expect(scopesToRequest(provider, ['write', 'write'])).toEqual(['write'])
    expect(() => scopesToRequest(provider, ['admin'])).toThrow(expect.objectContaining({ reason: 'scope_not_allowed' }))
  })
})
