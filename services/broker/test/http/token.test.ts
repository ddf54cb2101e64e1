import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { askForConsent, connected, readTokenOf, refreshOf } from '../harness/person.js'
import { startTestBroker, type TestBroker } from '../harness/test-broker.js'
import { eventually } from '../postgres/eventually.js'

let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker()
})
afterAll(() => broker.close())

const refreshes = () =>
  broker.provider.journal('token').filter(({ form }) => form?.grant_type === 'refresh_token').length

describe('GET /connections/{id}/token', () => {
  test('answers the members of the contract: expiry and scope at the root, strategy and credentials (fault 56)', async () => {
    const id = await connected(broker)
    const answer = await readTokenOf(broker, id)
    expect(answer.status).toBe(200)
    const root = {
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      expired: false,
      scope: 'openid profile',
      id_token: expect.any(String),
    }
    expect(answer.body).toEqual({
      ...root,
      provider: 'acme',
      strategy: { type: 'oauth2' },
      credentials: root,
      token_version: 1,
    })
    expect(Number.isInteger(answer.body.expires_in)).toBe(true)
  })

  test('is never stored by anybody on the way (fault 45)', async () => {
    const { headers } = await readTokenOf(broker, await connected(broker))
    expect([headers.get('cache-control'), headers.get('pragma'), headers.get('etag')]).toEqual([
      'no-store',
      'no-cache',
      null,
    ])
  })

  test('keeps refresh tokens in the broker (fault 38)', async () => {
    const id = await connected(broker)
    const [family] = broker.provider.oracle().families.slice(-1)
    for (const answer of [await readTokenOf(broker, id), await refreshOf(broker, id)]) {
      expect(answer.status).toBe(200)
      expect(answer.text).not.toContain('refresh_token')
      expect(answer.text).not.toContain(family?.currentRefreshToken ?? 'no family')
    }
  })

  test('refreshes an expired token on read, once (fault 37)', async () => {
    const id = await connected(broker)
    const before = refreshes()
    const first = await readTokenOf(broker, id)
    broker.advance(3_600_000)
    const second = await readTokenOf(broker, id)
    expect(second.body).toMatchObject({ expired: false, token_version: 2 })
    expect(second.body.access_token).not.toBe(first.body.access_token)
    expect((await readTokenOf(broker, id)).body.token_version).toBe(2)
    expect(refreshes() - before).toBe(1)
  })

  test('min_ttl asks for a token that lives at least so long', async () => {
    const id = await connected(broker)
    expect((await broker.call('GET', `/connections/${id}/token?min_ttl=600`)).body.token_version).toBe(1)
    broker.advance(3_200_000)
    expect((await broker.call('GET', `/connections/${id}/token?min_ttl=600`)).body.token_version).toBe(2)
    for (const bad of ['-1', 'x', '1.5', '99999', '60&min_ttl=61'])
      expect(await broker.call('GET', `/connections/${id}/token?min_ttl=${bad}`)).toMatchObject({
        status: 400,
        body: { code: 'invalid_request' },
      })
  })

  test('an unwell provider takes nothing away: the held token is served to its end, then 503 with Retry-After', async () => {
    const id = await connected(broker)
    broker.provider.turnOn('tok.5xx')
    broker.advance(3_580_000)
    expect(await readTokenOf(broker, id)).toMatchObject({ status: 200, body: { token_version: 1, expired: false } })
    broker.advance(30_000)
    const answer = await readTokenOf(broker, id)
    expect(answer).toMatchObject({ status: 503, body: { code: 'provider_unavailable' } })
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    broker.provider.turnOff('tok.5xx')
    await broker.query('update connections set backoff_until = null where id = $1', [id])
    expect(await readTokenOf(broker, id)).toMatchObject({ status: 200, body: { token_version: 2 } })
  })

  test('pending, unknown and malformed ids have their own clear errors', async () => {
    const pending = await askForConsent(broker)
    expect(await readTokenOf(broker, pending.connection_id)).toMatchObject({
      status: 403,
      body: { code: 'connection_not_active', status: 403 },
    })
    expect(await readTokenOf(broker, 'cn_00000000000000000000000000000000')).toMatchObject({
      status: 404,
      body: { code: 'connection_not_found' },
    })
    for (const bad of ['x', 'cn_1', '%00', "';--"])
      expect(await readTokenOf(broker, bad)).toMatchObject({ status: 400, body: { code: 'invalid_connection_id' } })
  })

  test('a foreign connection and an unknown one are indistinguishable (fault 1) (A64)', async () => {
    const id = await connected(broker)
    await broker.query(`insert into tenants (id, name) values ('other', 'other') on conflict do nothing`)
    await broker.query(
      `insert into clients (tenant_id, id, name, roles) values ('other', 'c1', 'c1', '{agent}') on conflict do nothing`,
    )
    const { createHash } = await import('node:crypto')
    const secret = 'S'.repeat(43)
    const digest = createHash('sha256').update(secret).digest()
    await broker.query(
      `insert into client_keys (key_id, tenant_id, client_id, secret_digest) values ('dk_0000000000000001', 'other', 'c1', $1) on conflict do nothing`,
      [digest],
    )
    const key = `dk_0000000000000001_${secret}`
    const foreign = await readTokenOf(broker, id, key)
    const unknown = await readTokenOf(broker, 'cn_00000000000000000000000000000000', key)
    const stripped = (answer: typeof foreign) => ({ ...answer.body, request_id: '' })
    expect(foreign.status).toBe(404)
    expect(stripped(foreign)).toEqual(stripped(unknown))
    for (const path of [`/connections/${id}/status`, `/connections/${id}/refresh`])
      expect((await broker.call(path.endsWith('refresh') ? 'POST' : 'GET', path, { key })).status).toBe(404)
  })

  test('probes of unknown ids are audited (fault 66)', async () => {
    await readTokenOf(broker, 'cn_11111111111111111111111111111111')
    expect(
      await broker.query(
        `select client_id from audit_events where connection_id = 'cn_11111111111111111111111111111111'`,
      ),
    ).toEqual([{ client_id: 'operator' }])
  })

  test('a status poll reads no token and writes no audit row (fault 53)', async () => {
    const id = await connected(broker)
    const count = async () => (await broker.query('select id from audit_events where connection_id = $1', [id])).length
    const before = await count()
    expect((await broker.call('GET', `/connections/${id}/status`)).body).toMatchObject({
      status: 'active',
      reason: null,
    })
    expect(await count()).toBe(before)
  })

  test('connections of a deleted provider serve nothing (fault 43)', async () => {
    const lone = await startTestBroker()
    try {
      const id = await connected(lone)
      expect((await lone.call('DELETE', `/providers/${lone.providerId}`)).status).toBe(200)
      expect(await readTokenOf(lone, id)).toMatchObject({
        status: 403,
        body: { code: 'connection_not_active', connection_reason: 'provider_deleted' },
      })
      expect(
        await lone.call('POST', '/auth/consent-spec', {
          body: { workspace_id: 'u', provider_id: lone.providerId, return_url: 'https://app.example.com/' },
        }),
      ).toMatchObject({ status: 404 })
    } finally {
      await lone.close()
    }
  })
})

describe('ciphertext that was moved or changed', () => {
  test('opens in no other connection, is answered without detail, counted and audited (fault 47) (A67)', async () => {
    const [mine, other] = [await connected(broker), await connected(broker)]
    await broker.query(
      'update connections set sealed_credentials = (select sealed_credentials from connections where id = $2) where id = $1',
      [mine, other],
    )
    const answer = await readTokenOf(broker, mine)
    expect(answer).toMatchObject({ status: 500, body: { code: 'integrity_error' } })
    expect(answer.text).not.toContain('access_token')
    const rows = () =>
      broker.query('select id from audit_events where connection_id = $1 and event_type = $2', [
        mine,
        'integrity_error',
      ])
    await eventually(async () => (await rows()).length === 1)
    expect((await broker.call('GET', '/metrics')).text).toMatch(/^vault_integrity_errors_total 1$/m)
    expect((await readTokenOf(broker, other)).status).toBe(200)
  })
})
