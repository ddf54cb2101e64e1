import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { comeBack, connected, openLink, readTokenOf, refreshOf, askForConsent } from '../../harness/person.js'
import type { TestBroker } from '../../harness/test-broker.js'
import { disconnect, look, reapproved, reconnected, shredded, startRevocableBroker } from './steps.js'

let broker: TestBroker
beforeEach(async () => {
  broker = await startRevocableBroker()
})
afterEach(() => broker.close())

const statusOf = async (id: string) => (await broker.call('GET', `/connections/${id}/status`)).body
const tokenOf = async (id: string) => (await readTokenOf(broker, id)).body.access_token
const alive = () => broker.provider.oracle().families.map((family) => family.alive)

describe('a reconnect', () => {
  test('replaces the grant in place: same connection, next version, and the held token serves until then', async () => {
    const id = await connected(broker)
    const held = await tokenOf(id)
    const { spec, finish, callbackUrl } = await reapproved(broker, id)
    expect(spec.connection_id).toBe(id)
    expect(await tokenOf(id)).toBe(held)
    expect(await finish(callbackUrl)).toEqual({ status: 'success', connection_id: id, provider: 'acme' })
    expect(await look(broker, id)).toMatchObject({ status: 'active', token_version: 2, last_refreshed_at: null })
    expect(await tokenOf(id)).not.toBe(held)
    expect((await refreshOf(broker, id)).body).toMatchObject({ token_version: 3 })
  })

  test.each(['attention', 'failed', 'revoked'])('wakes a connection that was %s, and a poll waits meanwhile', async (status) => {
    const id = await connected(broker)
    await broker.query(`update connections set status = $2, reason = 'expired' where id = $1`, [id, status])
    const { finish, callbackUrl } = await reapproved(broker, id)
    expect(await statusOf(id)).toMatchObject({ status: 'pending' })
    expect((await readTokenOf(broker, id)).status).toBeGreaterThanOrEqual(400)
    expect(await finish(callbackUrl)).toMatchObject({ status: 'success' })
    expect(await statusOf(id)).toMatchObject({ status: 'active', reason: null })
  }) // prettier-ignore

  test('gives a consent that ran out another chance', async () => {
    const { connection_id: id } = await askForConsent(broker)
    await broker.query(`update connections set consent_expires_at = now() - interval '1 second' where id = $1`, [id])
    expect(await statusOf(id)).toMatchObject({ status: 'expired' })
    expect(await reconnected(broker, id)).toMatchObject({ status: 'success' })
    expect(await statusOf(id)).toMatchObject({ status: 'active' })
  })

  test('that the person refuses leaves everything as it was', async () => {
    const id = await connected(broker)
    const held = await tokenOf(id)
    const { location, finish } = await reapproved(broker, id)
    expect(await finish(await broker.provider.deny(location))).toMatchObject({
      status: 'error',
      error: 'access_denied',
    })
    expect(await statusOf(id)).toMatchObject({ status: 'active' })
    expect(await tokenOf(id)).toBe(held)
  })

  test('by another account is refused: what is held stays, what was just granted is revoked', async () => {
    const id = await connected(broker)
    const held = await tokenOf(id)
    expect(await reconnected(broker, id, { as: { subject: 'somebody-else' } })).toMatchObject({
      status: 'error',
      error: 'account_mismatch',
    })
    expect(await tokenOf(id)).toBe(held)
    expect(await look(broker, id)).toMatchObject({ token_version: 1, account: { subject: 'user-1' } })
    await shredded(broker)
    expect(alive()).toEqual([true, false])
  })

  test('by another account that is connected elsewhere revokes nothing: one revocation may end every grant', async () => {
    const id = await connected(broker)
    const { location, cookie } = await openLink(broker, (await askForConsent(broker)).authUrl)
    await comeBack(broker, await broker.provider.approve(location, { subject: 'somebody-else' }), cookie)
    await reconnected(broker, id, { as: { subject: 'somebody-else' } })
    await shredded(broker)
    expect(broker.provider.journal('revocation')).toEqual([])
  })

  test('by another account is taken when that was asked for', async () => {
    const id = await connected(broker)
    const options = { body: { allow_account_change: true }, as: { subject: 'somebody-else' } }
    expect(await reconnected(broker, id, options)).toMatchObject({ status: 'success' })
    expect(await look(broker, id)).toMatchObject({ account: { subject: 'somebody-else' } })
  })

  test('asks for an id_token although nobody named openid, because the account is pinned', async () => {
    const id = await connected(broker)
    const { location } = await reapproved(broker, id, { body: { scopes: ['profile'] } })
    expect(new URL(location).searchParams.get('scope')).toBe('openid profile')
  })

  test('finished twice counts once', async () => {
    const id = await connected(broker)
    const { callbackUrl, cookie } = await reapproved(broker, id)
    const answers = await Promise.all(Array.from({ length: 20 }, () => comeBack(broker, callbackUrl, cookie)))
    expect(answers.filter(({ status }) => status === 302)).toHaveLength(1)
    expect(answers.filter(({ body }) => body.code === 'consent_already_used')).toHaveLength(19)
    expect(await look(broker, id)).toMatchObject({ status: 'active', token_version: 2 })
  })

  test('of the links of two reconnects the one that is finished last holds', async () => {
    const id = await connected(broker)
    const [one, two] = [await reapproved(broker, id), await reapproved(broker, id)]
    expect(await two.finish(two.callbackUrl)).toMatchObject({ status: 'success' })
    expect(await one.finish(one.callbackUrl)).toMatchObject({ status: 'success' })
    expect(await look(broker, id)).toMatchObject({ status: 'active', token_version: 3 })
    expect((await refreshOf(broker, id)).status).toBe(200)
  })

  test.each(['before-rotate', 'after-rotate'] as const)(
    'during a refresh held %s wins: the late answer of the old grant is kept aside and never adopted',
    async (point) => {
      const id = await connected(broker)
      const hold = broker.provider.hold(point)
      const refreshing = refreshOf(broker, id)
      await hold.reached
      expect(await reconnected(broker, id)).toMatchObject({ status: 'success' })
      const fresh = await tokenOf(id)
      hold.release()
      expect((await refreshing).body).toMatchObject({ access_token: fresh, token_version: 2 })
      expect(await broker.query('select adopted_at from credential_orphans where connection_id = $1', [id])).toEqual([
        { adopted_at: null },
      ])
      expect((await refreshOf(broker, id)).body).toMatchObject({ token_version: 3 })
      expect(broker.provider.oracle().reuseCount).toBe(0)
    },
  )

  test('that began before a disconnect brings nothing back', async () => {
    const id = await connected(broker)
    const { callbackUrl, cookie } = await reapproved(broker, id)
    await disconnect(broker, id)
    expect(await comeBack(broker, callbackUrl, cookie)).toMatchObject({ body: { code: 'consent_already_used' } })
    expect(await statusOf(id)).toMatchObject({ status: 'revoked' })
  })

  test('whose code is being exchanged while a disconnect comes is refused, and its grant revoked', async () => {
    const id = await connected(broker)
    const { callbackUrl, finish } = await reapproved(broker, id)
    const hold = broker.provider.hold('after-rotate')
    const finishing = finish(callbackUrl)
    await hold.reached
    await disconnect(broker, id)
    hold.release()
    expect(await finishing).toMatchObject({ status: 'error', error: 'disconnected' })
    expect(await statusOf(id)).toMatchObject({ status: 'revoked' })
    await shredded(broker)
    expect(alive()).toEqual([false, false])
  })
})

describe('a step-up', () => {
  test('asks for the union, and the connection keeps its id and account', async () => {
    const id = await connected(broker, { scopes: ['openid', 'profile'] })
    const options = { path: 'step-up', body: { scopes: ['calendar', 'profile'] } } as const
    const { location, finish, callbackUrl } = await reapproved(broker, id, options)
    expect(new URL(location).searchParams.get('scope')).toBe('openid profile calendar')
    expect(await finish(callbackUrl)).toMatchObject({ status: 'success', connection_id: id })
    expect(await look(broker, id)).toMatchObject({
      requested_scopes: ['openid', 'profile', 'calendar'],
      granted_scopes: ['openid', 'profile', 'calendar'],
    })
  })

  test('tells which scopes the person left out', async () => {
    const id = await connected(broker)
    const options = { path: 'step-up', body: { scopes: ['calendar'] }, as: { scope: 'openid profile' } } as const
    expect(await reconnected(broker, id, options)).toMatchObject({ status: 'success' })
    expect(await look(broker, id)).toMatchObject({ status: 'active', missing_scopes: ['calendar'] })
  })

  test('keeps the held refresh token when the provider hands out none again', async () => {
    const id = await connected(broker)
    broker.provider.turnOn('tok.no_refresh_token')
    await reconnected(broker, id, { path: 'step-up', body: { scopes: ['calendar'] } })
    broker.provider.turnOff('tok.no_refresh_token')
    expect(await refreshOf(broker, id)).toMatchObject({ status: 200, body: { token_version: 3 } })
  })
})
