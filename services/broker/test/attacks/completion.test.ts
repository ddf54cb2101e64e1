import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { completeWith, confirmPage, heldConsent, newProof, returned } from '../harness/completion.js'
import { askForConsent, comeBack, connected, openLink, readTokenOf, refreshOf, resultOf } from '../harness/person.js'
import { keyFor } from '../harness/tenants.js'
import { returnUrl, startTestBroker, type TestBroker } from '../harness/test-broker.js'
import { disconnect, look } from '../http/lifecycle/steps.js'
import { eventually } from '../postgres/eventually.js'

// Owns the claims about the completion step: what a person granted is worth nothing until the application has said that this
// person is its own.

let broker: TestBroker
let strangerKey: string
beforeAll(async () => {
  broker = await startTestBroker({ endpoints: 'discovery' })
  strangerKey = await keyFor(broker, 'strangers')
})
afterAll(() => broker.close())
// One person's account at the provider: a live connection of it would, rightly, keep its grants from being revoked.
beforeEach(() => broker.query(`update connections set account_subject = id where account_subject is not null`))

const familyOf = () => broker.provider.oracle().families.at(-1)
const eventsOf = async (id: string) =>
  (await broker.query<{ event_type: string }>('select event_type from audit_events where connection_id = $1 order by id', [id]))
    .map(({ event_type }) => event_type) // prettier-ignore
const rowOf = async (id: string) =>
  (
    await broker.query<Record<string, unknown>>(
      `select c.status, c.reason, c.sealed_credentials, r.sealed_captured, r.connect_code_digest, r.revoke_after
       from connections c join authorization_requests r on r.connection_id = c.id where c.id = $1
       order by r.created_at desc limit 1`,
      [id],
    )
  )[0]
const nothingHeld = { sealed_captured: null, connect_code_digest: null, revoke_after: null }
const requestNow = (id: string, set: string) =>
  broker.query(`update authorization_requests set ${set} where connection_id = $1`, [id])

describe('a consent that is to be completed', () => {
  test('serves nothing at the callback, and everything once the application has completed it (A5)', async () => {
    const held = await heldConsent(broker)
    expect(held.result).toEqual({
      status: 'pending',
      connection_id: held.id,
      provider: 'acme',
      connect_code: expect.stringMatching(/^[\w-]{43}$/),
    })
    expect(await readTokenOf(broker, held.id)).toMatchObject({ status: 403, body: { code: 'connection_not_active' } })
    expect(await refreshOf(broker, held.id)).toMatchObject({ status: 403, body: { code: 'connection_not_active' } })
    expect(await look(broker, held.id)).toMatchObject({ status: 'pending', account: null, token_version: 0 })
    const answer = await completeWith(broker, held)
    expect(answer).toMatchObject({ status: 200, body: { connection_id: held.id, status: 'active', user_id: 'user-1' } })
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect((await readTokenOf(broker, held.id)).status).toBe(200)
    expect(await rowOf(held.id)).toMatchObject({ status: 'active', ...nothingHeld })
    expect(await eventsOf(held.id)).toEqual(expect.arrayContaining(['connection.grant_held', 'connection.completed']))
  })

  test('completed for another user is refused, revoked at the provider and destroyed (A5)', async () => {
    const held = await heldConsent(broker)
    const answer = await completeWith(broker, held, { userId: 'attacker' })
    expect(answer).toMatchObject({ status: 403, body: { code: 'wrong_user' } })
    expect(familyOf()).toMatchObject({ alive: false })
    expect(await rowOf(held.id)).toMatchObject({ status: 'failed', reason: 'wrong_user', sealed_credentials: null, ...nothingHeld })
    expect(await completeWith(broker, held)).toMatchObject({ status: 403, body: { code: 'invalid_connect_code' } })
    expect(await eventsOf(held.id)).toEqual(expect.arrayContaining(['connection.completion_refused', 'connection.grant_revoked']))
  }) // prettier-ignore

  test('that nobody completes is revoked and destroyed when its ten minutes are over (A5)', async () => {
    const held = await heldConsent(broker)
    const [{ seconds } = { seconds: 0 }] = await broker.query<{ seconds: number }>(
      'select extract(epoch from revoke_after - now())::float8 as seconds from authorization_requests where connection_id = $1',
      [held.id],
    )
    expect(Math.round(seconds / 60)).toBe(10)
    expect(familyOf()).toMatchObject({ alive: true })
    await requestNow(held.id, 'revoke_after = now()')
    await eventually(async () => familyOf()?.alive === false)
    await eventually(async () => (await rowOf(held.id))?.sealed_captured === null)
    expect(await rowOf(held.id)).toMatchObject({ status: 'pending', sealed_credentials: null, revoke_after: null })
    expect(await completeWith(broker, held)).toMatchObject({ status: 403, body: { code: 'invalid_connect_code' } })
  })

  test('cannot be completed after the minute of its code, and is shown as expired from then on (A5)', async () => {
    const held = await heldConsent(broker)
    await requestNow(held.id, `connect_code_expires_at = now() - interval '1 millisecond'`)
    await broker.query(`update connections set consent_expires_at = now() - interval '1 ms' where id = $1`, [held.id])
    expect(await completeWith(broker, held)).toMatchObject({ status: 403, body: { code: 'invalid_connect_code' } })
    expect(await look(broker, held.id)).toMatchObject({ status: 'expired' })
  })

  test('whose process died right after the exchange is dropped like one nobody completed (A5)', async () => {
    const held = await heldConsent(broker)
    // What the capture before the judgement leaves: no code yet.
    await requestNow(held.id, 'connect_code_digest = null, connect_code_expires_at = null, revoke_after = now()')
    await eventually(async () => familyOf()?.alive === false)
  })

  test('is not completed by a stolen code without the verifier, which does not spoil it either (A6)', async () => {
    const held = await heldConsent(broker)
    const stolen = await completeWith(broker, held, { verifier: newProof().verifier })
    expect(stolen).toMatchObject({ status: 403, body: { code: 'wrong_verifier' } })
    expect((await readTokenOf(broker, held.id)).status).toBe(403)
    expect((await completeWith(broker, held)).status).toBe(200)
  })

  test('is not completed by another tenant’s key, nor under another connection (A6)', async () => {
    const held = await heldConsent(broker)
    const foreign = await completeWith(broker, held, { key: strangerKey })
    const unknown = await completeWith(broker, held, { key: strangerKey, id: `cn_${'0'.repeat(32)}` })
    expect(foreign).toMatchObject({ status: 404, body: { code: 'connection_not_found' } })
    expect({ ...foreign.body, request_id: '' }).toEqual({ ...unknown.body, request_id: '' })
    const other = await heldConsent(broker)
    expect(await completeWith(broker, held, { id: other.id })).toMatchObject({ status: 403, body: { code: 'invalid_connect_code' } })
    expect((await completeWith(broker, held)).status).toBe(200)
  }) // prettier-ignore

  test('is completed once, however many try at the same moment (A6)', async () => {
    const held = await heldConsent(broker)
    const answers = await Promise.all(Array.from({ length: 12 }, () => completeWith(broker, held)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 11 }, () => 403)])
    expect(await look(broker, held.id)).toMatchObject({ status: 'active', token_version: 1 })
    expect((await eventsOf(held.id)).filter((type) => type === 'connection.completed')).toHaveLength(1)
  })

  test('keeps code and verifier out of the log, the audit and every column (A6)', async () => {
    const held = await heldConsent(broker)
    await completeWith(broker, held)
    const tables = ['authorization_requests', 'connections', 'audit_events', 'idempotency_keys']
    for (const secret of [held.code, held.proof.verifier]) {
      expect(broker.logged()).not.toContain(secret)
      for (const table of tables)
        expect(await broker.query(`select 1 from ${table} t where t::text like $1`, [`%${secret}%`])).toEqual([])
    }
  })

  test('that is disconnected meanwhile is revoked at the provider, too (A5)', async () => {
    const held = await heldConsent(broker)
    expect((await disconnect(broker, held.id)).status).toBe(200)
    await eventually(async () => familyOf()?.alive === false)
    expect(await completeWith(broker, held)).toMatchObject({ status: 403, body: { code: 'invalid_connect_code' } })
    await eventually(async () => (await rowOf(held.id))?.revoke_after === null)
    expect(await rowOf(held.id)).toMatchObject({ status: 'revoked', ...nothingHeld })
  })
})

describe('a reconnect that is to be completed', () => {
  const reconnect = async (id: string) => {
    const proof = newProof()
    const body = { return_url: returnUrl, completion_challenge: proof.challenge }
    const { status, text, body: spec } = await broker.call('POST', `/connections/${id}/reconnect`, { body })
    if (status !== 200) throw new Error(text)
    const consent = spec as unknown as Parameters<typeof returned>[1]
    return { id, proof, code: (await returned(broker, consent)).connect_code ?? '' }
  }

  test('leaves what the connection holds alone until it is completed (A5)', async () => {
    const id = await connected(broker)
    await broker.query(`update connections set account_subject = 'user-1' where id = $1`, [id])
    const before = (await readTokenOf(broker, id)).body.access_token
    const held = await reconnect(id)
    expect((await readTokenOf(broker, id)).body.access_token).toBe(before)
    expect((await completeWith(broker, held)).body).toMatchObject({ status: 'active', token_version: 2 })
    expect((await readTokenOf(broker, id)).body.access_token).not.toBe(before)
  })

  test('for another user keeps the connection as it was (A5)', async () => {
    const id = await connected(broker)
    await broker.query(`update connections set account_subject = 'user-1' where id = $1`, [id])
    const held = await reconnect(id)
    expect(await completeWith(broker, held, { userId: 'attacker' })).toMatchObject({ body: { code: 'wrong_user' } })
    expect(await look(broker, id)).toMatchObject({ status: 'active', token_version: 1 })
    expect((await readTokenOf(broker, id)).status).toBe(200)
  })
})

describe('a tenant that completes its connections', () => {
  const wish = { workspace_id: 'user-1', return_url: returnUrl, scopes: ['openid'] }
  let key: string
  beforeAll(async () => {
    key = await keyFor(broker, 'careful')
    await broker.query(`update tenants set requires_completion = true where id = 'careful'`)
  })

  test('cannot ask without a challenge, neither for the first time nor again (A5)', async () => {
    const body = { ...wish, provider_id: broker.providerId }
    const refused = await broker.call('POST', '/auth/consent-spec', { key, body })
    expect(refused).toMatchObject({ status: 400, body: { code: 'missing_fields' } })
    expect(refused.body.message).toContain('completion_challenge')
    expect(await broker.query(`select 1 from connections where tenant_id = 'careful'`)).toEqual([])
    const held = await heldConsent(broker, { key })
    expect((await completeWith(broker, held, { key })).status).toBe(200)
    const again = await broker.call('POST', `/connections/${held.id}/reconnect`, { key, body: {} })
    expect(again).toMatchObject({ status: 400, body: { code: 'missing_fields' } })
    const wider = await broker.call('POST', `/connections/${held.id}/step-up`, { key, body: { scopes: ['email'] } })
    expect(wider).toMatchObject({ status: 400, body: { code: 'missing_fields' } })
  })

  test('sends a challenge of the right form only (A6)', async () => {
    for (const challenge of ['', 'short', 'x'.repeat(44), `${'x'.repeat(42)}=`, 7]) {
      const body = { ...wish, provider_id: broker.providerId, completion_challenge: challenge }
      expect(await broker.call('POST', '/auth/consent-spec', { key, body })).toMatchObject({ status: 400 })
    }
  })
})

describe('the page before a consent that is to be completed', () => {
  const ask = () => askForConsent(broker, { userId: 'Mia <b>', body: { completion_challenge: newProof().challenge } })

  test('names the application, the person it is for and the scopes, escaped, in no frame (A5) (A19)', async () => {
    const { page } = await confirmPage(broker, (await ask()).authUrl)
    expect(page.status).toBe(200)
    for (const text of ['app.example.com', 'acme', 'Mia &#60;b&#62;', '<code>openid</code>', '<code>profile</code>'])
      expect(page.text).toContain(text)
    expect(page.headers.get('x-frame-options')).toBe('DENY')
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  })

  test('cannot be passed by: the way to the provider leads through its form, in the same browser (A5)', async () => {
    const { authUrl } = await ask()
    const start = authUrl.replace('/auth/connect/', '/auth/start/')
    expect((await openLink(broker, start)).location).toBe(authUrl)
    const { confirm } = await confirmPage(broker, authUrl)
    expect(await confirm({ cookie: '' })).toMatchObject({ status: 403, body: { code: 'wrong_browser' } })
    expect(await confirm({ csrf: 'x' })).toMatchObject({ status: 403, body: { code: 'invalid_csrf_token' } })
    const { status, headers } = await confirm()
    expect([status, headers.get('location')?.startsWith(broker.provider.authorizationEndpoint)]).toEqual([303, true])
  })

  test('is not shown where nobody completes: the link leads straight to the provider, the callback activates', async () => {
    const spec = await askForConsent(broker)
    const { location, cookie } = await openLink(broker, spec.authUrl)
    expect(location.startsWith(broker.provider.authorizationEndpoint)).toBe(true)
    const result = resultOf(await comeBack(broker, await broker.provider.approve(location), cookie))
    expect(result).toMatchObject({ status: 'success', connection_id: spec.connection_id })
  })
})
