import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type State, signState } from '../../src/domain/signed-state.js'
import { approved, askForConsent, comeBack, connected, openLink, readTokenOf } from '../harness/person.js'
import { startTestBroker, type TestBroker } from '../harness/test-broker.js'

// The state key is shared with the gateway, so somebody else may hold it. A state is a handle, never an authority.
const key = Buffer.alloc(32, 5).fill(6, 0, 7)
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker({ environment: { STATE_KEY: key.toString('base64') } })
})
afterAll(() => broker.close())

const contentOf = (state: string): State =>
  JSON.parse(Buffer.from(state.split('.')[0] ?? '', 'base64url').toString()) as State
const forged = (change: Partial<State>, base: string): string => signState({ ...contentOf(base), ...change }, key)
const calls = () => broker.provider.journal('token').length

describe('with a leaked STATE_KEY', () => {
  test('a minted state finishes nobody’s consent: the row, the cookie and the claim decide (fault 10)', async () => {
    const victim = await askForConsent(broker)
    const attacker = await approved(broker)
    const code = new URL(attacker.callbackUrl).searchParams.get('code') ?? ''
    const before = calls()
    const attempts = [
      forged({}, victim.state), // the victim's own state, from another browser
      forged({ nonce: victim.connection_id }, attacker.spec.state), // the attacker's request, the victim's connection
      forged({ request: contentOf(victim.state).request }, attacker.spec.state),
      forged({ tenant: 'other' }, victim.state),
    ]
    for (const state of attempts) {
      const query = new URLSearchParams({ code, state, iss: broker.provider.issuer })
      const answer = await comeBack(broker, `http://localhost/auth/callback?${query.toString()}`, attacker.cookie)
      expect([400, 403]).toContain(answer.status)
    }
    expect(calls()).toBe(before)
    expect((await broker.call('GET', `/connections/${victim.connection_id}/status`)).body.status).toBe('pending')
  })

  test('a minted capture state plants nothing in an OAuth connection (fault 10)', async () => {
    const id = await connected(broker)
    const { state } = await askForConsent(broker)
    const held = (await readTokenOf(broker, id)).body.access_token
    for (const minted of [forged({ purpose: 'capture' }, state), forged({ purpose: 'capture', nonce: id }, state)]) {
      const body = { state: minted, credentials: { access_token: 'planted' } }
      expect(
        (await broker.call('POST', '/auth/capture-credential', { key: null, body })).status,
      ).toBeGreaterThanOrEqual(400)
    }
    expect((await readTokenOf(broker, id)).body.access_token).toBe(held)
  })

  test('an opened link still works for its own browser', async () => {
    const spec = await askForConsent(broker)
    const { location, cookie } = await openLink(broker, spec.authUrl)
    expect((await comeBack(broker, await broker.provider.approve(location), cookie)).status).toBe(302)
  })
})
