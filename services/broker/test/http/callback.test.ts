import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { approved, askForConsent, comeBack, connected, openLink, readTokenOf, resultOf } from '../harness/person.js'
import { returnUrl, startTestBroker, type TestBroker } from '../harness/test-broker.js'

let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker()
})
afterAll(() => broker.close())

const switches = [
  'tok.200_error',
  'tok.missing_access_token',
  'idt.iss+1',
  'idt.aud+1',
  'idt.nonce+1',
  'idt.missing_though_openid',
  'idt.bad_sig',
  'tok.5xx',
  'tok.crlf_in_token',
  'authz.wrong_iss',
  'authz.no_iss_though_promised',
] as const
beforeEach(() => {
  for (const name of switches) broker.provider.turnOff(name)
})

const exchanges = () => broker.provider.journal('token').length
const statusOf = async (id: string) => (await broker.call('GET', `/connections/${id}/status`)).body
const audited = async (id: string): Promise<string[]> =>
  (
    await broker.query<{ event_type: string }>(
      'select event_type from audit_events where connection_id = $1 order by id',
      [id],
    )
  ).map(({ event_type }) => event_type)

describe('GET /auth/callback', () => {
  test('exchanges the code, verifies the id_token, stores, activates and sends the person back', async () => {
    const { callbackUrl, cookie, connectionId } = await approved(broker)
    const answer = await comeBack(broker, callbackUrl, cookie)
    expect(answer.status).toBe(302)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
    expect(answer.headers.get('location')?.startsWith(returnUrl)).toBe(true)
    expect(resultOf(answer)).toEqual({ status: 'success', connection_id: connectionId, provider: 'acme' })
    expect(await statusOf(connectionId)).toMatchObject({ status: 'active' })
    expect(await audited(connectionId)).toEqual(['connection.created', 'oauth_flow_completed'])
  })

  test('records the granted scope and the account of the verified id_token (fault 29)', async () => {
    const id = await connected(broker)
    const [row] = await broker.query(
      'select granted_scope, account_issuer, account_subject from connections where id = $1',
      [id],
    )
    expect(row).toEqual({
      granted_scope: 'openid profile',
      account_issuer: broker.provider.issuer,
      account_subject: 'user-1',
    })
  })

  test('a hundred parallel callbacks make exactly one exchange, and the connection ends active (fault 15) (A1)', async () => {
    const { callbackUrl, cookie, connectionId } = await approved(broker)
    const before = exchanges()
    const answers = await Promise.all(Array.from({ length: 100 }, () => comeBack(broker, callbackUrl, cookie)))
    expect(exchanges() - before).toBe(1)
    expect(answers.filter(({ status }) => status === 302)).toHaveLength(1)
    expect(answers.filter(({ status, body }) => status === 409 && body.code === 'consent_already_used')).toHaveLength(
      99,
    )
    expect(await statusOf(connectionId)).toMatchObject({ status: 'active' })
  })

  test('a replayed callback changes nothing (fault 13) (A1)', async () => {
    const { callbackUrl, cookie, connectionId } = await approved(broker)
    await comeBack(broker, callbackUrl, cookie)
    const before = exchanges()
    expect(await comeBack(broker, callbackUrl, cookie)).toMatchObject({
      status: 409,
      body: { code: 'consent_already_used' },
    })
    expect(exchanges()).toBe(before)
    expect((await readTokenOf(broker, connectionId)).status).toBe(200)
  })

  test('another browser than the one that opened the link cannot finish it (fault 14) (A4)', async () => {
    const { callbackUrl, cookie, connectionId } = await approved(broker)
    const other = await openLink(broker, (await askForConsent(broker)).authUrl)
    const before = exchanges()
    for (const stranger of ['', other.cookie, cookie.replace(/=.*/, '=forged')])
      expect(await comeBack(broker, callbackUrl, stranger)).toMatchObject({
        status: 403,
        body: { code: 'wrong_browser' },
      })
    expect(exchanges()).toBe(before)
    expect(await statusOf(connectionId)).toMatchObject({ status: 'pending' })
    expect(resultOf(await comeBack(broker, callbackUrl, cookie)).status).toBe('success')
  })

  test('a forged error answer without our state changes nothing and is not echoed (fault 22) (A10)', async () => {
    const answer = await broker.call('GET', '/auth/callback?error=access_denied&error_description=%3Cscript%3Ehello', {
      key: null,
    })
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_state' } })
    expect(answer.text).not.toContain('hello')
  })

  test('a refusal by the person fails the connection and sends them back with status=error (fault 22) (A10)', async () => {
    const spec = await askForConsent(broker)
    const { location, cookie } = await openLink(broker, spec.authUrl)
    const answer = await comeBack(broker, await broker.provider.deny(location, 'access_denied'), cookie)
    expect(resultOf(answer)).toEqual({ status: 'error', connection_id: spec.connection_id, error: 'access_denied' })
    expect(await statusOf(spec.connection_id)).toMatchObject({ status: 'failed', reason: 'access_denied' })
    expect(await audited(spec.connection_id)).toContain('oauth_error')
  })

  test.each([
    ['no state', '?code=x', 'invalid_state'],
    ['no code', '?state=x', 'missing_params'],
    ['a state that is none', '?code=x&state=y', 'invalid_state'],
    ['two states', '?code=x&state=a&state=b', 'invalid_request'],
    ['two codes', '?code=x&code=y&state=a', 'invalid_request'],
    ['an array', '?code[]=x&state=a', 'missing_params'],
  ])('%s is refused (A12)', async (_what, query, code) => {
    const before = exchanges()
    expect(await broker.call('GET', `/auth/callback${query}`, { key: null })).toMatchObject({
      status: 400,
      body: { code },
    })
    expect(exchanges()).toBe(before)
  })

  test('only GET is offered (A13)', async () => {
    const answer = await broker.call('POST', '/auth/callback?code=x&state=y', { key: null })
    expect(answer).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } })
    expect(answer.headers.get('allow')).toBe('GET')
  })

  test.each(['authz.wrong_iss', 'authz.no_iss_though_promised'] as const)(
    '%s: no token request is made (fault 32) (A8)',
    async (name) => {
      const spec = await askForConsent(broker)
      const { location, cookie } = await openLink(broker, spec.authUrl)
      broker.provider.turnOn(name)
      const callbackUrl = await broker.provider.approve(location)
      const before = exchanges()
      expect(resultOf(await comeBack(broker, callbackUrl, cookie))).toMatchObject({
        status: 'error',
        error: 'issuer_mismatch',
      })
      expect(exchanges()).toBe(before)
      expect(await statusOf(spec.connection_id)).toMatchObject({ status: 'failed', reason: 'issuer_mismatch' })
    },
  )

  test.each([
    ['tok.200_error', 'token_exchange_failed', '(fault 16)'],
    ['tok.missing_access_token', 'provider_bad_response', '(fault 16)'],
    ['idt.iss+1', 'id_token_invalid', '(fault 17)'],
    ['idt.aud+1', 'id_token_invalid', '(fault 17)'],
    ['idt.nonce+1', 'id_token_invalid', '(fault 17)'],
    ['idt.bad_sig', 'id_token_invalid', '(fault 17)'],
    ['idt.missing_though_openid', 'id_token_missing', '(fault 18)'],
    ['tok.crlf_in_token', 'token_unusable', '(fault 16)'],
    ['tok.5xx', 'token_exchange_failed', '(fault 42)'],
  ] as const)('%s never becomes active: %s %s', async (name, reason, _fault) => {
    const { callbackUrl, cookie, connectionId } = await approved(broker)
    broker.provider.turnOn(name)
    const answer = await comeBack(broker, callbackUrl, cookie)
    expect(resultOf(answer)).toEqual({ status: 'error', connection_id: connectionId, error: reason })
    expect(await statusOf(connectionId)).toMatchObject({ status: 'failed', reason })
    expect(await readTokenOf(broker, connectionId)).toMatchObject({
      status: 403,
      body: { code: 'connection_not_active' },
    })
    const [row] = await broker.query('select sealed_credentials from connections where id = $1', [connectionId])
    expect(row).toEqual({ sealed_credentials: null })
  })

  test('a provider edited in mid-flow gets no code: the exchange goes where the flow began (fault 3) (A9)', async () => {
    const { callbackUrl, cookie } = await approved(broker)
    const before = exchanges()
    const edit = (token_url: string) => broker.call('PATCH', `/providers/${broker.providerId}`, { body: { token_url } })
    expect((await edit(broker.provider.attackerUrl)).status).toBe(200)
    const answer = await comeBack(broker, callbackUrl, cookie)
    expect((await edit(broker.provider.tokenEndpoint)).status).toBe(200)
    expect(resultOf(answer).status).toBe('success')
    expect(exchanges()).toBe(before + 1)
    expect(broker.provider.journal('attacker')).toEqual([])
  })

  test('a connection that moved while it waited takes its first grant all the same', async () => {
    const { callbackUrl, cookie, connectionId } = await approved(broker)
    await broker.query('update connections set version = 3, fence = 7 where id = $1', [connectionId])
    expect(resultOf(await comeBack(broker, callbackUrl, cookie)).status).toBe('success')
    expect((await readTokenOf(broker, connectionId)).status).toBe(200)
    const stored = await broker.query('select version, fence from connections where id = $1', [connectionId])
    expect(stored).toEqual([{ version: '4', fence: '8' }])
  })

  test('after its time the callback is refused by the database’s clock (A14)', async () => {
    const { callbackUrl, cookie, connectionId } = await approved(broker)
    await broker.query(
      `update authorization_requests set expires_at = now() - interval '1 second' where connection_id = $1`,
      [connectionId],
    )
    const before = exchanges()
    expect(await comeBack(broker, callbackUrl, cookie)).toMatchObject({
      status: 410,
      body: { code: 'consent_expired' },
    })
    expect(exchanges()).toBe(before)
  })

  test('a return URL that left the allowlist is refused before anything is used up (fault 23) (A28)', async () => {
    const { callbackUrl, cookie, connectionId } = await approved(broker)
    await broker.query(
      `update authorization_requests set return_url = 'https://evil.example/' where connection_id = $1`,
      [connectionId],
    )
    const before = exchanges()
    expect(await comeBack(broker, callbackUrl, cookie)).toMatchObject({
      status: 400,
      body: { code: 'return_url_not_allowed' },
    })
    expect(exchanges()).toBe(before)
  })
})
