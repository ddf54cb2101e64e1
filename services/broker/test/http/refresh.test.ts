import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { connected, readTokenOf, refreshOf } from '../harness/person.js'
import { startTestBroker, type TestBroker } from '../harness/test-broker.js'

let broker: TestBroker
beforeEach(async () => {
  broker = await startTestBroker()
})
afterEach(() => broker.close())

const presented = (): string[] =>
  broker.provider
    .journal('token')
    .filter(({ form }) => form?.grant_type === 'refresh_token')
    .map(({ form }) => form?.refresh_token ?? '')
const statusOf = async (id: string) => (await broker.call('GET', `/connections/${id}/status`)).body
const clearBackoff = (id: string) => broker.query('update connections set backoff_until = null where id = $1', [id])
const ageLease = (id: string) =>
  broker.query(`update connections set lease_until = now() - interval '1 second' where id = $1`, [id])

describe('POST /connections/{id}/refresh', () => {
  test('answers the same shape as a token read, with a new token (fault 56)', async () => {
    const id = await connected(broker)
    const read = await readTokenOf(broker, id)
    const refreshed = await refreshOf(broker, id)
    expect(Object.keys(refreshed.body).sort()).toEqual(Object.keys(read.body).sort())
    expect(refreshed.body.access_token).not.toBe(read.body.access_token)
    expect(refreshed.body).toMatchObject({ token_version: 2, strategy: { type: 'oauth2' } })
  })

  test('keeps the held refresh token when the provider sends none (fault 33)', async () => {
    const id = await connected(broker)
    broker.provider.turnOn('tok.no_refresh_token')
    expect((await refreshOf(broker, id)).status).toBe(200)
    broker.provider.turnOff('tok.no_refresh_token')
    expect(await refreshOf(broker, id)).toMatchObject({ status: 200, body: { token_version: 3 } })
    expect(broker.provider.oracle()).toMatchObject({ reuseCount: expect.any(Number) })
  })

  test('an error in a 200 answer overwrites nothing (fault 34)', async () => {
    const id = await connected(broker)
    const held = (await readTokenOf(broker, id)).body.access_token
    broker.provider.replies({ status: 200, body: { error: 'bad_verification_code' } })
    expect((await refreshOf(broker, id)).status).toBeGreaterThanOrEqual(500)
    expect((await readTokenOf(broker, id)).body.access_token).toBe(held)
    expect(await statusOf(id)).toMatchObject({ status: 'active' })
  })

  test('fifty parallel readers over two replicas make one call of a strict provider (fault 35)', async () => {
    const other = await broker.replica()
    const rowSays = { nothing: '1 hour', ended: '-1 second' } // the second read brings what a refresh begins with
    for (const [calls, endsIn] of Object.values(rowSays).entries()) {
      const id = await connected(broker)
      broker.advance(3_600_000)
      await broker.query(`update connections set expires_at = now() + $2::interval where id = $1`, [id, endsIn])
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) => readTokenOf(index % 2 === 0 ? broker : other, id)),
      )
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200))
      expect(new Set(answers.map(({ body }) => body.access_token)).size).toBe(1)
      expect(presented()).toHaveLength(calls + 1)
    }
    expect(broker.provider.oracle().reuseCount).toBe(0)
  })

  test('fifty agents that report the same 401 cause one call (if_version)', async () => {
    const id = await connected(broker)
    const answers = await Promise.all(Array.from({ length: 50 }, () => refreshOf(broker, id, { if_version: 1 })))
    expect(new Set(answers.map(({ body }) => body.token_version))).toEqual(new Set([2]))
    expect(presented()).toHaveLength(1)
    expect((await refreshOf(broker, id, { if_version: 1 })).body.token_version).toBe(2)
    expect(presented()).toHaveLength(1)
  })

  test.each([
    ['429', { status: 429, headers: { 'retry-after': '7' }, body: {} }, 503, 'provider_rate_limited'],
    ['invalid_client', { status: 401, body: { error: 'invalid_client' } }, 502, 'provider_misconfigured'],
    ['500', { status: 500, body: 'oops' }, 503, 'provider_unavailable'],
    ['HTML with 200', { status: 200, body: '<html>' }, 503, 'provider_unavailable'],
  ])('%s leaves the connection active (fault 36) (A50)', async (_what, reply, status, code) => {
    const id = await connected(broker)
    broker.provider.replies(reply)
    const answer = await refreshOf(broker, id)
    expect(answer).toMatchObject({ status, body: { code } })
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await statusOf(id)).toMatchObject({ status: 'active' })
    expect(answer.text).not.toContain('oops')
    await clearBackoff(id)
    expect((await refreshOf(broker, id)).status).toBe(200)
  })

  test('a dead grant needs a person: 409 for refresh and read alike, and the provider is asked once (fault 40)', async () => {
    const id = await connected(broker)
    broker.provider.revokeSubject('user-1')
    expect(await refreshOf(broker, id)).toMatchObject({
      status: 409,
      body: { code: 'attention_required', status: 409, connection_status: 'attention', connection_reason: 'revoked' },
    })
    expect(await refreshOf(broker, id)).toMatchObject({ status: 409, body: { code: 'attention_required' } })
    expect(await readTokenOf(broker, id)).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('request-connection') },
    })
    expect(presented()).toHaveLength(1)
  })

  test('an answer is kept when the end of its refresh cannot be audited, and is judged without another call', async () => {
    const id = await connected(broker, { scopes: ['profile'] })
    const refuse = `alter table audit_events add constraint full_up check (event_type <> 'token_refreshed') not valid`
    await broker.query(refuse)
    expect((await refreshOf(broker, id)).status).toBeGreaterThanOrEqual(500)
    const held = await broker.query(`select version, attempt_state from connections where id = $1`, [id])
    expect(held).toEqual([{ version: '2', attempt_state: 'captured' }])
    await broker.query('alter table audit_events drop constraint full_up')
    await ageLease(id)
    expect((await readTokenOf(broker, id)).body).toMatchObject({ token_version: 2 })
    expect(presented()).toHaveLength(1)
  })

  test('an answer lost after a strict provider rotated is told apart from a revocation', async () => {
    const id = await connected(broker)
    broker.provider.turnOn('tok.reset_after_rotate', { mode: 'times', n: 1 })
    expect(await refreshOf(broker, id)).toMatchObject({ status: 503 })
    await clearBackoff(id)
    expect(await refreshOf(broker, id)).toMatchObject({ status: 409, body: { connection_reason: 'lost_rotation' } })
    const [first, second] = presented()
    expect(second).toBe(first)
  })

  test('a refreshed id_token of another person is stored but never served (A59)', async () => {
    const id = await connected(broker)
    broker.provider.turnOn('refresh_idt.sub+1')
    expect(await refreshOf(broker, id)).toMatchObject({ status: 409, body: { connection_reason: 'identity_changed' } })
    const [row] = await broker.query<{ version: string }>('select version from connections where id = $1', [id])
    expect(Number(row?.version)).toBe(2)
  })

  test('the answer of a holder whose lease was taken over is kept aside and adopted, not lost', async () => {
    const id = await connected(broker)
    const hold = broker.provider.hold('after-rotate')
    const slow = refreshOf(broker, id)
    await hold.reached
    // the lease ends while the provider is still busy; a second replica comes, and its call meets an already rotated token
    await ageLease(id)
    await broker.query(
      `update connections set fence = fence + 1, lease_owner = 1, lease_until = now() + interval '1 hour' where id = $1`,
      [id],
    )
    hold.release()
    await new Promise((resolve) => setImmediate(resolve))
    const orphan = async () =>
      (await broker.query('select fence from credential_orphans where connection_id = $1', [id])).length
    while ((await orphan()) === 0) await new Promise((resolve) => setImmediate(resolve))
    await ageLease(id)
    expect(await slow).toMatchObject({ status: 200, body: { token_version: 2 } })
    expect(presented()).toHaveLength(1)
    expect((await refreshOf(broker, id)).status).toBe(200)
    expect(broker.provider.oracle().reuseCount).toBe(0)
  })

  test('tokens go to no other host than the one the person consented at (fault 3)', async () => {
    const id = await connected(broker)
    expect(
      (
        await broker.call('PATCH', `/providers/${broker.providerId}`, {
          body: { token_url: broker.provider.attackerUrl },
        })
      ).status,
    ).toBe(200)
    expect(await refreshOf(broker, id)).toMatchObject({ status: 409, body: { connection_reason: 'provider_changed' } })
    expect(broker.provider.journal('attacker')).toEqual([])
  })

  test('what waited for another replica goes by the provider of its last look, not of its first', async () => {
    const change = (body: Record<string, unknown>) => broker.call('PATCH', `/providers/${broker.providerId}`, { body })
    // With a grace a waiter notes in the row that it looked at the owner.
    expect((await change({ refresh_policy: { mode: 'rotates', grace_seconds: 30 } })).status).toBe(200)
    const id = await connected(broker)
    await broker.query(
      `update connections set lease_owner = 1, lease_until = now() + interval '1 hour',
         lease_incarnation = pg_postmaster_start_time() where id = $1`,
      [id],
    )
    const waiting = refreshOf(broker, id)
    const looked = () => broker.query('select 1 from connections where id = $1 and suspect_since is not null', [id])
    while ((await looked()).length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect((await change({ token_url: broker.provider.attackerUrl })).status).toBe(200)
    await ageLease(id)
    expect(await waiting).toMatchObject({ status: 409, body: { connection_reason: 'provider_changed' } })
    expect(presented()).toEqual([])
  })

  test('a caller that goes away does not stop a refresh that was sent (fault 44)', async () => {
    const id = await connected(broker)
    const hold = broker.provider.hold('after-rotate')
    const leaving = new AbortController()
    const gone = fetch(`${broker.url}/connections/${id}/refresh`, {
      method: 'POST',
      headers: { 'x-api-key': 'operator-key-of-the-tests' },
      signal: leaving.signal,
    }).catch(() => 'gone')
    await hold.reached
    leaving.abort()
    expect(await gone).toBe('gone')
    hold.release()
    const version = async () =>
      Number(
        (await broker.query<{ version: string }>('select version from connections where id = $1', [id]))[0]?.version,
      )
    while ((await version()) === 1) await new Promise((resolve) => setImmediate(resolve))
    expect((await readTokenOf(broker, id)).body.token_version).toBe(2)
  })

  test('a bad body is refused before anything is called', async () => {
    const id = await connected(broker)
    for (const body of ['{', [], { if_version: 'x' }, { if_version: -1 }])
      expect((await refreshOf(broker, id, body)).status).toBe(400)
    expect(presented()).toEqual([])
  })
})

describe('a provider that wants HTTP Basic', () => {
  test('gets it at the refresh too (fault 39)', async () => {
    const basic = await startTestBroker({
      provider: { clientAuth: 'client_secret_basic' },
      profile: { client_auth: 'client_secret_basic' },
    })
    try {
      const id = await connected(basic)
      expect((await refreshOf(basic, id)).status).toBe(200)
    } finally {
      await basic.close()
    }
  })
})
