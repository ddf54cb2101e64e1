import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { reservedParameters } from '../../src/domain/provider-profile.js'
import { auditOf } from '../conformance/outcome.js'
import { type MoreProviders, startMoreProviders } from '../harness/more-providers.js'
import { approved, askForConsent, comeBack, openLink, readTokenOf, resultOf } from '../harness/person.js'
import { startTestBroker, type TestBroker } from '../harness/test-broker.js'
import { attackScale } from './scale.js'

let broker: TestBroker
let providers: MoreProviders
beforeAll(async () => {
  broker = await startTestBroker()
  providers = await startMoreProviders(broker)
})
afterAll(async () => {
  await providers.close()
  await broker.close()
})

const statusOf = async (id: string) => (await broker.call('GET', `/connections/${id}/status`)).body
const withQuery = (callbackUrl: string, change: Record<string, string>): string => {
  const url = new URL(callbackUrl)
  for (const [name, value] of Object.entries(change)) url.searchParams.set(name, value)
  return url.href
}
const codeOf = (callbackUrl: string): string => new URL(callbackUrl).searchParams.get('code') ?? ''

test(
  'two callbacks with one state and two codes make one exchange, and never fail what is active (A2)',
  async () => {
    const op = await providers.add()
    const rounds = 50 * attackScale
    const round = async () => {
      const spec = await askForConsent(op)
      const { location, cookie } = await openLink(op, spec.authUrl)
      const callbacks = [await op.provider.approve(location), await op.provider.approve(location)]
      expect(new Set(callbacks.map(codeOf)).size).toBe(2)
      const answers = await Promise.all(callbacks.map((each) => comeBack(op, each, cookie)))
      expect(answers.map(({ status }) => status).sort()).toEqual([302, 409])
      expect(await statusOf(spec.connection_id)).toMatchObject({ status: 'active' })
    }
    for (let n = 0; n < rounds; n += 10) await Promise.all(Array.from({ length: 10 }, round))
    expect(op.provider.journal('token')).toHaveLength(rounds)
  },
  20_000 + 20_000 * attackScale,
)

test('a changed, cut, doubled or oversized state is 400 at the callback, whatever the change, and calls nobody (A3)', async () => {
  const op = await providers.add()
  const { callbackUrl, cookie, spec, connectionId } = await approved(op)
  const { state } = spec
  const [payload = '', mac = ''] = state.split('.')
  const places = Array.from({ length: 40 }, (_, n) => Math.floor((n * state.length) / 40))
  const changed = [
    ...places.map((at) => `${state.slice(0, at)}${state[at] === 'A' ? 'B' : 'A'}${state.slice(at + 1)}`),
    ...places.map((at) => state.slice(0, at)),
    `${state}.${mac}`, `${state}=`, `${state} `, `${payload}.`, `.${mac}`, payload, `${mac}.${payload}`,
    `${payload}.${mac.toUpperCase()}`, `${Buffer.from('{}').toString('base64url')}.${mac}`,
    'x'.repeat(2049), `${'A'.repeat(6000)}.${mac}`, '\u0000', '%', '{"alg":"none"}', 'null',
  ] // prettier-ignore
  const answers = await Promise.all(
    changed.map((each) => comeBack(op, withQuery(callbackUrl, { state: each }), cookie)),
  )
  expect(new Set(answers.map(({ status, body }) => `${status} ${String(body.code)}`))).toEqual(
    new Set(['400 invalid_state']),
  )
  expect(op.provider.journal('token')).toEqual([])
  expect(await statusOf(connectionId)).toMatchObject({ status: 'pending' })
  expect(resultOf(await comeBack(op, callbackUrl, cookie)).status).toBe('success')
})

describe('a stolen code injected into the attacker’s own session', () => {
  test('is refused by a provider that enforces PKCE (A7)', async () => {
    const op = await providers.add()
    const [victim, attacker] = [await approved(op), await approved(op)]
    const url = withQuery(attacker.callbackUrl, { code: codeOf(victim.callbackUrl) })
    expect(resultOf(await comeBack(op, url, attacker.cookie))).toMatchObject({ error: 'token_exchange_failed' })
    expect(await readTokenOf(op, attacker.connectionId)).toMatchObject({ status: 403 })
  })

  test('is refused for its nonce where the provider ignores PKCE (A7)', async () => {
    const op = await providers.add({ provider: { pkce: 'ignored' } })
    const [victim, attacker] = [await approved(op), await approved(op)]
    const url = withQuery(attacker.callbackUrl, { code: codeOf(victim.callbackUrl) })
    expect(resultOf(await comeBack(op, url, attacker.cookie))).toMatchObject({ error: 'id_token_invalid' })
    expect(op.provider.journal('token')).toHaveLength(1)
    expect(await readTokenOf(op, attacker.connectionId)).toMatchObject({ status: 403 })
  })
})

describe('mix-up of two providers', () => {
  test.each([
    ['promises iss', true],
    ['does not promise iss', false],
  ])('a code of the honest one never reaches the other, which %s (A8)', async (_what, sendsIss) => {
    const [honest, malicious] = [await providers.add(), await providers.add({ provider: { sendsIss } })]
    const victim = await approved(malicious)
    const { location } = await openLink(honest, (await askForConsent(honest)).authUrl)
    const back = await honest.provider.approve(location)
    const mixed = withQuery(victim.callbackUrl, { code: codeOf(back), iss: honest.provider.issuer })
    expect(resultOf(await comeBack(malicious, mixed, victim.cookie))).toMatchObject({ error: 'issuer_mismatch' })
    expect([...honest.provider.journal('token'), ...malicious.provider.journal('token')]).toEqual([])
    expect(await statusOf(victim.connectionId)).toMatchObject({ status: 'failed', reason: 'issuer_mismatch' })
  })
})

describe('a provider that another replica changes in mid-flow', () => {
  const changes: [string, string, object | undefined, string][] = [
    ['of which it became another client', 'PATCH', { client_id: 'another-client' }, 'provider_changed'],
    ['that was deleted', 'DELETE', undefined, 'provider_deleted'],
  ]
  test.each(changes)('%s gets no code (A9)', async (_what, method, body, reason) => {
    const op = await providers.add()
    const { callbackUrl, cookie, connectionId } = await approved(op)
    const other = await broker.replica()
    expect((await other.call(method, `/providers/${op.providerId}`, { body })).status).toBeLessThan(300)
    expect(resultOf(await comeBack(op, callbackUrl, cookie))).toMatchObject({ status: 'error', error: reason })
    expect(op.provider.journal('token')).toEqual([])
    expect(await statusOf(connectionId)).toMatchObject({ status: 'failed', reason })
  })

  test('is shown the secret it has by then, never the one before (A9)', async () => {
    const op = await providers.add()
    const { callbackUrl, cookie } = await approved(op)
    const other = await broker.replica()
    await other.call('PATCH', `/providers/${op.providerId}`, { body: { client_secret: 'the-next-secret' } })
    await comeBack(op, callbackUrl, cookie)
    expect(op.provider.journal('token').map(({ form }) => form.client_secret)).toEqual(['the-next-secret'])
  })
})

describe('a provider that sends no iss has an address of its own', () => {
  const named = (name: string) =>
    providers.add({
      provider: { sendsIss: false, redirectUris: [`http://localhost/auth/callback/${name}`] },
      profile: { name, redirect_path: 'per_provider' },
    })

  test('where its people come back to, and where GitLab-like refreshes name it too', async () => {
    const op = await named('lonely')
    await op.call('PATCH', `/providers/${op.providerId}`, { body: { redirect_uri_on_refresh: true } })
    const { callbackUrl, cookie, connectionId } = await approved(op)
    expect(new URL(callbackUrl).pathname).toBe('/auth/callback/lonely')
    expect(resultOf(await comeBack(op, callbackUrl, cookie)).status).toBe('success')
    await op.call('POST', `/connections/${connectionId}/refresh`)
    expect(op.provider.journal('token').map(({ form }) => form.redirect_uri)).toEqual([
      'http://localhost/auth/callback/lonely',
      'http://localhost/auth/callback/lonely',
    ])
  })

  test('so a code of the honest one never reaches the other, whichever of the two began the flow (A8)', async () => {
    const [honest, malicious] = [await named('honest'), await named('malicious')]
    const victim = await approved(malicious)
    // The malicious one sends its victim on to the honest one, which answers at the honest one's address.
    const mixed = new URL(victim.callbackUrl)
    mixed.pathname = '/auth/callback/honest'
    expect(resultOf(await comeBack(malicious, mixed.href, victim.cookie))).toMatchObject({ error: 'issuer_mismatch' })
    expect([...honest.provider.journal('token'), ...malicious.provider.journal('token')]).toEqual([])
    expect(await statusOf(victim.connectionId)).toMatchObject({ status: 'failed', reason: 'issuer_mismatch' })
  })

  test('and the shared address is not its own (A8)', async () => {
    const op = await named('aloof')
    const { callbackUrl, cookie } = await approved(op)
    const shared = new URL(callbackUrl)
    shared.pathname = '/auth/callback'
    expect(resultOf(await comeBack(op, shared.href, cookie))).toMatchObject({ error: 'issuer_mismatch' })
    expect(op.provider.journal('token')).toEqual([])
  })
})

describe('a forged error answer', () => {
  test('of another issuer changes nothing, even with a valid state, and its text is not shown (A10)', async () => {
    const op = await providers.add()
    const { callbackUrl, cookie, connectionId } = await approved(op)
    op.provider.turnOn('authz.error_wrong_iss')
    const { location } = await openLink(op, (await askForConsent(op)).authUrl)
    const forged = new URL(await op.provider.approve(location)).searchParams
    forged.set('state', new URL(callbackUrl).searchParams.get('state') ?? '')
    const answer = await comeBack(op, `http://localhost/auth/callback?${forged.toString()}`, cookie)
    expect(answer).toMatchObject({ status: 400, body: { code: 'issuer_mismatch' } })
    expect(answer.text).not.toContain('555-0100')
    expect(resultOf(await comeBack(op, callbackUrl, cookie)).status).toBe('success')
    expect(await auditOf(op, connectionId)).toEqual(['connection.created', 'oauth_flow_completed'])
  })

  test.each([
    ['HTML and CR LF', undefined],
    ['ANSI escapes', '\u001b[2J\u001b[31mdone\u0007 forged-text'],
    ['eight kilobytes', `forged-text${'A'.repeat(8000)}`],
  ])('with a description of %s leaves nothing of it in answer, log and audit (A11)', async (_what, value) => {
    const op = await providers.add()
    op.provider.turnOn('authz.error_description_evil', { value })
    const { callbackUrl, cookie, connectionId } = await approved(op)
    const before = broker.logged().length
    const answer = await comeBack(op, callbackUrl, cookie)
    expect(resultOf(answer)).toEqual({ status: 'error', connection_id: connectionId, error: 'access_denied' })
    expect([...answer.headers.keys()]).not.toContain('set-cookie')
    const audit = await broker.query('select event_data::text from audit_events where connection_id = $1', [
      connectionId,
    ])
    const traces = [answer.text, answer.headers.get('location'), broker.logged().slice(before), JSON.stringify(audit)]
    for (const text of ['alert(1)', 'owned', 'forged-text', 'AAAA', '\u001b'])
      expect(traces.join('\n')).not.toContain(text)
    for (const line of broker.logged().slice(before).trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow()
  })
})

test('an answer in the fragment never reaches us and finishes nothing (A13)', async () => {
  const op = await providers.add()
  op.provider.turnOn('authz.fragment')
  const { callbackUrl, cookie, connectionId } = await approved(op)
  expect(await comeBack(op, callbackUrl, cookie)).toMatchObject({ status: 400, body: { code: 'invalid_state' } })
  expect(op.provider.journal('token')).toEqual([])
  expect(await statusOf(connectionId)).toMatchObject({ status: 'pending' })
})

test.each([-3_600_000, 3_600_000])(
  'the claim goes by the database’s clock: a replica whose clock is %i ms off opens no old consent (A14)',
  async (offMs) => {
    const op = await startTestBroker()
    try {
      const { callbackUrl, cookie } = await approved(op)
      await op.query(`update authorization_requests set expires_at = now() - interval '1 second'`)
      op.advance(offMs)
      expect([400, 410]).toContain((await comeBack(op, callbackUrl, cookie)).status)
      expect(op.provider.journal('token')).toEqual([])
    } finally {
      await op.close()
    }
  },
)

describe('a profile that wants to set a reserved parameter is refused at registration', () => {
  test.each([...reservedParameters])('%s (A15)', async (name) => {
    const profile = {
      name: 'greedy',
      client_id: 'c',
      client_secret: 's',
      auth_url: 'https://op.example/authorize',
      token_url: 'https://op.example/token',
    }
    for (const bag of ['params', 'authorize_params', 'token_params', 'refresh_params']) {
      const body = { profile: { ...profile, [bag]: { [name]: 'x' } } }
      expect(await broker.call('POST', '/providers', { body })).toMatchObject({
        status: 400,
        body: { code: 'invalid_provider' },
      })
    }
  })
})
