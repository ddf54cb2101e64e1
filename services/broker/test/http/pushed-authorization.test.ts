import { describe, expect, test } from '@jest/globals'
import { auditOf } from '../conformance/outcome.js'
import { type AddedProviderOptions, provideForSuite } from '../harness/more-providers.js'
import { approved, askForConsent, comeBack, connected, openLink, resultOf } from '../harness/person.js'
import { returnUrl, startTestBroker, type TestBroker } from '../harness/test-broker.js'

// Pushed authorization requests (RFC 9126): what the browser carries, when a request is pushed, and what a refusal does.

const providers = provideForSuite()

const pushing = (options: AddedProviderOptions = {}): Promise<TestBroker> =>
  providers.add({ ...options, provider: { par: 'required', ...options.provider } })

const authorized = (op: TestBroker) => op.provider.journal('authorize').map(({ query }) => Object.keys(query).sort())
const pushes = (op: TestBroker) => op.provider.journal('par')

describe('the browser carries a reference and nothing else', () => {
  test.each(['required', 'supported'] as const)('where the provider says it is %s', async (par) => {
    const op = await pushing({ provider: { par } })
    const id = await connected(op)
    expect(authorized(op)).toEqual([['client_id', 'request_uri']])
    expect(pushes(op)[0]?.form).toMatchObject({
      response_type: 'code',
      redirect_uri: 'http://localhost/auth/callback',
      scope: 'openid profile',
      code_challenge_method: 'S256',
      client_secret: op.provider.clientSecret, // authenticated as at the token endpoint
    })
    expect(await auditOf(op, id)).toEqual(['connection.created', 'oauth_flow_completed'])
  })

  test('and a profile that switches it off sends everything in the open, as before', async () => {
    const op = await pushing({ provider: { par: 'supported' }, profile: { par: 'off' } })
    await connected(op)
    expect(pushes(op)).toEqual([])
    expect(authorized(op)[0]).toContain('code_challenge')
  })

  test('pushed to the configured address where there is no metadata', async () => {
    const op = await pushing()
    const { provider } = op
    const explicit = await op.call('PATCH', `/providers/${op.providerId}`, {
      body: {
        enable_discovery: null,
        auth_url: provider.authorizationEndpoint,
        token_url: provider.tokenEndpoint,
        jwks_url: provider.jwksUri,
        par: 'required',
        par_url: provider.parEndpoint,
      },
    })
    expect(explicit.status).toBe(200)
    await connected(op)
    expect(authorized(op)).toEqual([['client_id', 'request_uri']])
  })
})

test('a request is pushed when the browser arrives, anew each time', async () => {
  const op = await pushing()
  const { authUrl } = await askForConsent(op)
  expect(pushes(op)).toEqual([])
  const first = await openLink(op, authUrl)
  // The reference lives for a minute, the link for ten.
  op.advance(120_000)
  op.provider.clock.advance(120_000)
  const second = await openLink(op, authUrl)
  expect(pushes(op)).toHaveLength(2)
  await expect(op.provider.approve(first.location)).rejects.toThrow('not a pushed request')
  const answer = await comeBack(op, await op.provider.approve(second.location), second.cookie)
  expect(resultOf(answer).status).toBe('success')
})

describe('a push that fails sends nothing in the open, and the link can be opened again', () => {
  test.each([
    ['par.refused', 'provider_misconfigured', 'invalid_request'],
    ['par.5xx', 'provider_unavailable', 'http_503'],
  ] as const)('%s: %s', async (name, code, error) => {
    const op = await pushing()
    op.provider.turnOn(name)
    const { authUrl, connection_id: id } = await askForConsent(op)
    const refused = await op.call('GET', new URL(authUrl).pathname, { key: null })
    expect(refused.body.code).toBe(code)
    expect(refused.headers.get('location')).toBeNull()
    expect(await auditOf(op, id)).toEqual(['connection.created', 'authorization_push_failed'])
    const [event] = await op.query(
      `select event_data ->> 'error' as error from audit_events where connection_id = $1 and event_type like '%push%'`,
      [id],
    )
    expect(event).toEqual({ error })
    op.provider.turnOff(name)
    const { location, cookie } = await openLink(op, authUrl)
    expect(resultOf(await comeBack(op, await op.provider.approve(location), cookie)).status).toBe('success')
  })
})

test('while a change of secret is rolled out, the next secret is tried', async () => {
  const op = await pushing()
  const secrets = ['not-yet-known', op.provider.clientSecret]
  await op.call('PATCH', `/providers/${op.providerId}`, { body: { client_secret: null, client_secrets: secrets } })
  await connected(op)
  expect(pushes(op).map(({ form }) => form.client_secret)).toEqual(secrets)
})

test.each([
  ['a provider that demands what the profile switches off', 'required', 'off'],
  ['a profile that demands what the provider does not have', 'off', 'required'],
] as const)('%s is found before anybody is sent anywhere', async (_what, par, wanted) => {
  const op = await pushing({ provider: { par }, profile: { par: wanted } })
  const body = { workspace_id: 'user-1', provider_id: op.providerId, return_url: returnUrl }
  expect((await op.call('POST', '/auth/consent-spec', { body })).body.code).toBe('provider_misconfigured')
})

test('without browser binding the link still leads through us, where the request is pushed', async () => {
  const unbound = await startTestBroker({
    environment: { CONSENT_BINDING: 'none' },
    provider: { par: 'required' },
    endpoints: 'discovery',
  })
  try {
    const { spec, callbackUrl } = await approved(unbound)
    expect(spec.authUrl).toContain('/auth/start/')
    expect(resultOf(await comeBack(unbound, callbackUrl, '')).status).toBe('success')
  } finally {
    await unbound.close()
  }
})
