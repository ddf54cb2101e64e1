import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { askForConsent, openLink } from '../harness/person.js'
import { returnUrl, startTestBroker, type TestBroker } from '../harness/test-broker.js'

let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker({
    profile: {
      default_scopes: ['openid'],
      allowed_scopes: ['openid', 'profile', 'email', 'offline_access'],
      params: { access_type: 'offline' },
    },
  })
})
afterAll(() => broker.close())

const post = (body: unknown, headers: Record<string, string> = {}) =>
  broker.call('POST', '/auth/consent-spec', { body, headers })
const wish = (change: Record<string, unknown> = {}) => ({
  workspace_id: 'u1',
  provider_id: broker.providerId,
  return_url: returnUrl,
  scopes: ['openid'],
  ...change,
})
const rows = async (): Promise<number> =>
  Number((await broker.query<{ n: string }>('select count(*) as n from connections'))[0]?.n)

describe('POST /auth/consent-spec', () => {
  test('answers a link of ours, a state, and an opaque connection id of 160 random bits', async () => {
    const spec = await askForConsent(broker)
    expect(spec).toEqual({
      authUrl: expect.stringMatching(/^http:\/\/localhost\/auth\/start\/ar_[0-9a-z]{32}$/),
      state: expect.stringMatching(/^[\w-]+\.[\w-]{43}$/),
      scopes: ['openid', 'profile'],
      provider_id: broker.providerId,
      connection_id: expect.stringMatching(/^cn_[0-9a-z]{32}$/),
    })
  })

  test('finds the provider by name without regard to case (fault 60)', async () => {
    const answer = await post(wish({ provider_id: undefined, provider_name: 'ACME' }))
    expect(answer).toMatchObject({ status: 200, body: { provider_id: broker.providerId } })
  })

  test.each([
    ['no body', undefined, 400, 'missing_fields'],
    ['a broken body', '{"workspace_id":', 400, 'invalid_json'],
    ['a list', [], 400, 'invalid_json'],
    ['nothing in it', {}, 400, 'missing_fields'],
    ['no provider', { provider_id: undefined }, 400, 'missing_fields'],
    ['a provider id that is none', { provider_id: '7' }, 400, 'invalid_provider_id'],
    ['an unknown provider', { provider_id: '00000000-0000-4000-8000-000000000000' }, 404, 'provider_not_found'],
    ['an unknown name', { provider_id: undefined, provider_name: 'nobody' }, 404, 'provider_not_found'],
    ['scopes that are text', { scopes: 'openid' }, 400, 'invalid_request'],
    ['a number for a user', { workspace_id: 7 }, 400, 'invalid_request'],
    ['a scope the provider does not allow', { scopes: ['admin'] }, 400, 'scope_not_allowed'],
    ['a foreign return URL', { return_url: 'https://evil.example/' }, 400, 'return_url_not_allowed'],
    ['a script as return URL', { return_url: 'javascript:alert(1)' }, 400, 'return_url_not_allowed'],
    ['variables the provider does not know', { variables: { sub: 'x' } }, 400, 'invalid_request'],
  ])('with %s answers a clear error and stores nothing', async (_what, change, status, code) => {
    const before = await rows()
    const isWish = typeof change === 'object' && !Array.isArray(change) && Object.keys(change).length > 0
    const answer = await post(isWish ? wish(change as Record<string, unknown>) : change)
    expect(answer).toMatchObject({
      status,
      body: { code, error: code, message: expect.any(String), request_id: expect.any(String) },
    })
    expect(await rows()).toBe(before)
  })

  test('a body above 64 KiB is refused', async () => {
    expect(await post(wish({ padding: 'x'.repeat(70_000) }))).toMatchObject({
      status: 413,
      body: { code: 'payload_too_large' },
    })
  })

  test('uses the provider’s default scopes when none are asked for (fault 28)', async () => {
    const { authUrl } = await askForConsent(broker, { scopes: null })
    expect(new URL((await openLink(broker, authUrl)).location).searchParams.get('scope')).toBe('openid')
  })

  test('the same Idempotency-Key gives the same connection once, and another body under it is refused', async () => {
    const headers = { 'idempotency-key': 'k-1' }
    const before = await rows()
    const answers = await Promise.all([1, 2, 3].map(() => post(wish(), headers)))
    expect(new Set(answers.map(({ body }) => body.connection_id)).size).toBe(1)
    expect(answers.filter((each) => each.headers.get('idempotent-replayed') === 'true')).toHaveLength(2)
    expect(await rows()).toBe(before + 1)
    expect(await post(wish({ workspace_id: 'u2' }), headers)).toMatchObject({
      status: 409,
      body: { code: 'idempotency_conflict' },
    })
  })

  test('without a key it is 401, with a wrong one 403', async () => {
    expect(await broker.call('POST', '/auth/consent-spec', { key: null, body: wish() })).toMatchObject({
      status: 401,
      body: { code: 'missing_api_key' },
    })
    expect(await broker.call('POST', '/auth/consent-spec', { key: 'wrong-key-wrong-key', body: wish() })).toMatchObject(
      { status: 403, body: { code: 'invalid_api_key' } },
    )
  })
})

describe('GET /auth/start/{link}', () => {
  test('binds the browser and sends it on with PKCE, our own nonce and the profile’s parameters', async () => {
    const spec = await askForConsent(broker)
    const { location, cookie } = await openLink(broker, spec.authUrl)
    const query = Object.fromEntries(new URL(location).searchParams)
    expect(cookie).toMatch(/^dromos-[0-9a-f]{8}=[\w-]{43}$/)
    expect(query).toMatchObject({
      response_type: 'code',
      client_id: broker.provider.clientId,
      redirect_uri: 'http://localhost/auth/callback',
      scope: 'openid profile',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      access_type: 'offline',
    })
    expect(query.nonce).not.toBe(query.state)
  })

  test('keeps verifier and nonce encrypted at rest, and removes them when they are used (fault 31)', async () => {
    const spec = await askForConsent(broker)
    const [row] = await broker.query<{ sealed_secrets: Buffer }>(
      'select sealed_secrets from authorization_requests where connection_id = $1',
      [spec.connection_id],
    )
    const { location, cookie } = await openLink(broker, spec.authUrl)
    const nonce = new URL(location).searchParams.get('nonce') ?? ''
    expect(row?.sealed_secrets.includes(nonce)).toBe(false)
    const { pathname, search } = new URL(await broker.provider.approve(location))
    await broker.call('GET', `${pathname}${search}`, { key: null, headers: { cookie } })
    const [after] = await broker.query('select sealed_secrets from authorization_requests where connection_id = $1', [
      spec.connection_id,
    ])
    expect(after).toEqual({ sealed_secrets: null })
  })

  test.each(['ar_00000000000000000000000000000000', 'x', '%00', '..%2f'])(
    '%s is a link of nobody: 404',
    async (link) => {
      expect(await broker.call('GET', `/auth/start/${link}`, { key: null })).toMatchObject({ status: 404 })
    },
  )

  test('an expired consent says so at once, whether or not its row was cleaned up (fault 72)', async () => {
    const spec = await askForConsent(broker)
    await broker.query(
      `update authorization_requests set expires_at = now() - interval '1 second' where connection_id = $1`,
      [spec.connection_id],
    )
    await broker.query(`update connections set consent_expires_at = now() - interval '1 second' where id = $1`, [
      spec.connection_id,
    ])
    expect(await broker.call('GET', new URL(spec.authUrl).pathname, { key: null })).toMatchObject({
      status: 410,
      body: { code: 'consent_expired' },
    })
    expect(await broker.call('GET', `/connections/${spec.connection_id}/status`)).toMatchObject({
      body: { status: 'expired', detail: expect.stringContaining('request-connection') },
    })
  })

  test('a person gets a page, not JSON', async () => {
    const answer = await broker.call('GET', '/auth/start/nowhere', { key: null, headers: { accept: 'text/html' } })
    expect(answer.headers.get('content-type')).toContain('text/html')
    expect(answer.text).toContain('<html')
  })
})

describe('without browser binding', () => {
  test('authUrl is the provider’s own and the callback needs no cookie', async () => {
    const loose = await startTestBroker({ environment: { CONSENT_BINDING: 'none' } })
    try {
      const spec = await askForConsent(loose)
      expect(spec.authUrl.startsWith(loose.provider.authorizationEndpoint)).toBe(true)
      const { pathname, search } = new URL(await loose.provider.approve(spec.authUrl))
      const answer = await loose.call('GET', `${pathname}${search}`, { key: null })
      expect(new URL(answer.headers.get('location') ?? '').searchParams.get('status')).toBe('success')
    } finally {
      await loose.close()
    }
  })
})
