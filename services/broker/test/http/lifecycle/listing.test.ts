import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { askForConsent, comeBack, connected, openLink } from '../../harness/person.js'
import { startTestBroker, type TestBroker } from '../../harness/test-broker.js'
import { look } from './steps.js'

let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker({ profile: { refresh_policy: { mode: 'rotates', idle_limit_seconds: 86_400 } } })
})
afterAll(() => broker.close())

type Page = { data: { connection_id: string; account: unknown }[]; next_cursor: string | null; has_more: boolean }
const page = async (query: string): Promise<Page> =>
  (await broker.call('GET', `/connections?${query}`)).body as unknown as Page
const ids = ({ data }: Page): string[] => data.map((each) => each.connection_id)

describe('GET /connections', () => {
  test('pages are newest first, stable while connections are made, and hold each connection once', async () => {
    const made: string[] = []
    for (let count = 0; count < 5; count++)
      made.unshift((await askForConsent(broker, { userId: 'pager' })).connection_id)
    const first = await page('user_id=pager&limit=2')
    await askForConsent(broker, { userId: 'pager' })
    const second = await page(`user_id=pager&limit=2&cursor=${first.next_cursor}`)
    const third = await page(`user_id=pager&limit=2&cursor=${second.next_cursor}`)
    expect([first, second, third].flatMap(ids)).toEqual(made)
    expect([first.has_more, second.has_more, third.has_more, third.next_cursor]).toEqual([true, true, false, null])
  })

  test('one person may connect several accounts of one provider, and the list tells them apart', async () => {
    for (const subject of ['work', 'home']) {
      const spec = await askForConsent(broker, { userId: 'two-accounts' })
      const { location, cookie } = await openLink(broker, spec.authUrl)
      await comeBack(broker, await broker.provider.approve(location, { subject }), cookie)
    }
    const { data } = await page('user_id=two-accounts&status=active&provider_name=ACME')
    expect(data.map(({ account }) => account)).toEqual(
      ['home', 'work'].map((subject) => ({ issuer: broker.provider.issuer, subject, label: null })),
    )
  })

  test('filters by status, and tells an expired consent from a pending one', async () => {
    const { connection_id: late } = await askForConsent(broker, { userId: 'late' })
    const { connection_id: waiting } = await askForConsent(broker, { userId: 'late' })
    await broker.query(`update connections set consent_expires_at = now() - interval '1 second' where id = $1`, [late])
    expect(ids(await page('user_id=late&status=pending'))).toEqual([waiting])
    expect(ids(await page('user_id=late&status=expired'))).toEqual([late])
    expect(ids(await page('user_id=late&status=active'))).toEqual([])
  })

  test.each([
    ['status=lost', 'invalid_request'],
    ['limit=0', 'invalid_request'],
    ['limit=201', 'invalid_request'],
    ['cursor=sideways', 'invalid_cursor'],
    [`cursor=cn_${'0'.repeat(32)}`, 'invalid_cursor'],
    ['provider_id=acme', 'invalid_provider_id'],
    ['user_id=a&user_id=b', 'invalid_request'],
  ])('%s is refused', async (query, code) => {
    expect(await broker.call('GET', `/connections?${query}`)).toMatchObject({ status: 400, body: { code } })
  })
})

describe('GET /connections/{id}', () => {
  test('tells everything but the token, with a forecast of when a person is needed', async () => {
    const id = await connected(broker, { userId: 'seen', scopes: ['openid', 'profile', 'calendar'] })
    const seen = await look(broker, id)
    expect(seen).toMatchObject({
      connection_id: id,
      status: 'active',
      reason: null,
      user_id: 'seen',
      provider: { id: broker.providerId, name: 'acme', auth_type: 'oauth2' },
      requested_scopes: ['openid', 'profile', 'calendar'],
      granted_scopes: ['openid', 'profile', 'calendar'],
      missing_scopes: [],
      account: { issuer: broker.provider.issuer, subject: 'user-1' },
      last_error: null,
      token_version: 1,
      revocation: null,
    })
    const endsInMs = Date.parse(String(seen.refresh_expires_at)) - Date.parse(String(seen.granted_at))
    expect(endsInMs).toBe(86_400_000)
    for (const { answered } of broker.provider.journal('token')) {
      const token = /"access_token":"([^"]+)"/.exec(answered?.body ?? '')?.[1]
      expect(JSON.stringify(seen)).not.toContain(token)
    }
  })

  test('makes no link by itself; asked for one, a connection that needs a person carries it', async () => {
    const id = await connected(broker)
    await broker.query(`update connections set status = 'attention', reason = 'revoked' where id = $1`, [id])
    const consents = () =>
      broker.query('select count(*)::int as made from authorization_requests where connection_id = $1', [id])
    expect(await look(broker, id)).toMatchObject({ status: 'attention', detail: expect.stringContaining('/reconnect') })
    expect(await consents()).toEqual([{ made: 1 }])
    const { body } = await broker.call('GET', `/connections/${id}?with_auth_url=true`)
    expect(body.authUrl).toMatch(/\/auth\/start\/ar_/)
    expect(await consents()).toEqual([{ made: 2 }])
  })
})
