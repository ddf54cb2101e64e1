import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { signState } from '../../src/domain/signed-state.js'
import { createAuthenticator } from '../../src/flows/authenticate-caller.js'
import { askForConsent, comeBack, connected, openLink } from '../harness/person.js'
import { keyFor } from '../harness/tenants.js'
import { returnUrl, startTestBroker, type TestBroker } from '../harness/test-broker.js'

// Owns the claims about callers who guess: at keys, at names, at states signed with a leaked key.

const stateKey = randomBytes(32)
let broker: TestBroker
beforeAll(async () => {
  broker = await startTestBroker({ environment: { STATE_KEY: stateKey.toString('base64') } })
})
afterAll(() => broker.close())

describe('a leaked STATE_KEY', () => {
  const tokenCalls = () => broker.provider.journal('token').length
  const mint = (members: Partial<Parameters<typeof signState>[0]>) =>
    signState(
      {
        workspace_id: 'user-1',
        provider_id: broker.providerId,
        nonce: `cn_${'0'.repeat(32)}`,
        iat: new Date().toISOString(),
        tenant: 'default',
        request: `ar_${'0'.repeat(32)}`,
        purpose: 'authorization',
        ...members,
      },
      stateKey,
    )
  const callback = (state: string, cookie = '') =>
    comeBack(broker, `http://localhost/auth/callback?code=stolen&state=${encodeURIComponent(state)}`, cookie)

  test('does not finish a consent of somebody else: the row, its browser and its one claim decide (A87)', async () => {
    const victim = await askForConsent(broker)
    const [{ id } = { id: '' }] = await broker.query<{ id: string }>(
      'select id from authorization_requests where connection_id = $1',
      [victim.connection_id],
    )
    const before = tokenCalls()
    const foreign = mint({ nonce: victim.connection_id, request: id })
    // Even knowing the row: no browser has opened it, and once one has it is another.
    expect(await callback(foreign)).toMatchObject({ status: 403, body: { code: 'wrong_browser' } })
    const { cookie } = await openLink(broker, victim.authUrl)
    expect(await callback(foreign)).toMatchObject({ status: 403, body: { code: 'wrong_browser' } })
    // The victim's cookie does not open another connection, tenant, provider or purpose.
    for (const change of [
      { nonce: `cn_${'1'.repeat(32)}` },
      { tenant: 'other' },
      { provider_id: '00000000-0000-4000-8000-000000000000' },
      { purpose: 'capture' as const },
      { request: `ar_${'1'.repeat(32)}` },
    ])
      expect(await callback(mint({ nonce: victim.connection_id, request: id, ...change }), cookie)).toMatchObject({
        status: 400,
        body: { code: 'invalid_state' },
      })
    expect(tokenCalls()).toBe(before)
  })

  test('opens no connection that exists: there is nothing left to finish (A87)', async () => {
    const id = await connected(broker)
    const [row] = await broker.query<{ id: string }>('select id from authorization_requests where connection_id = $1', [id])
    const before = tokenCalls()
    expect((await callback(mint({ nonce: id, request: row?.id ?? '' }))).status).toBe(403)
    const body = { state: mint({ nonce: id, request: row?.id ?? '', purpose: 'capture' }), credentials: { api_key: 'x' } }
    const captured = await broker.call('POST', '/auth/capture-credential', { key: null, body })
    expect(captured).toMatchObject({ status: 400, body: { code: 'invalid_state' } })
    expect(tokenCalls()).toBe(before)
  }) // prettier-ignore
})

describe('names that are statements or patterns', () => {
  const hostile = [
    `acme' or '1'='1`, `acme'; drop table connections; --`, `acme" --`, '%', '_cme', 'acm%', 'ac__', 'a%', `\\`, `acme\\`, '*',
    `acme/*`, `$1`, `:tenantId`, '?', '??', `acme\u0000`, `{acme}`, `' union select sealed_secrets from provider_profiles --`,
    `\u02bc or 1=1`, 'ACME%', '(acme|x)', '[a]cme', '.*',
  ] // prettier-ignore

  test.each(hostile)('%j finds nothing and breaks nothing (A80)', async (name) => {
    const read = await broker.call('GET', `/providers/by-name/${encodeURIComponent(name)}`)
    expect([400, 404]).toContain(read.status)
    const body = { workspace_id: name, provider_name: name, return_url: returnUrl }
    const asked = await broker.call('POST', '/auth/consent-spec', { body })
    expect([400, 404]).toContain(asked.status)
    for (const filter of ['provider_name', 'user_id']) {
      const listed = await broker.call('GET', `/connections?${filter}=${encodeURIComponent(name)}`)
      expect(listed.status === 200 ? listed.body.data : listed.body.code).toEqual(listed.status === 200 ? [] : 'invalid_request')
    }
    const removed = await broker.call('DELETE', `/providers/by-name/${encodeURIComponent(name)}`)
    expect([400, 404]).toContain(removed.status)
    expect((await broker.call('GET', '/providers/by-name/acme')).status).toBe(200)
  }) // prettier-ignore
})

describe('a guessed key', () => {
  test('is looked up by its public half alone, once, and compared as a whole by its digest (A62)', async () => {
    const right = await keyFor(broker, 'timed')
    const asked: string[] = []
    const authenticate = createAuthenticator(
      {
        now: () => new Date(),
        clients: {
          findKey: async (keyId: string) => {
            asked.push(keyId)
            return undefined
          },
        } as unknown as Parameters<typeof createAuthenticator>[0]['clients'],
      },
      { apiKeys: ['operator-key-one-of-two', 'operator-key-two-of-two'], requireApiKey: true },
    )
    const [id, secret] = [right.slice(0, 19), right.slice(20)]
    const guesses = [`${id}_${secret}`, `${id}_A${secret.slice(1)}`, `${id}_${secret.slice(0, -1)}A`, `dk_${'0'.repeat(16)}_${secret}`]
    for (const guess of guesses)
      await expect(authenticate({ apiKey: guess, authorization: undefined })).rejects.toMatchObject({ reason: 'invalid_api_key' })
    // Nothing of the secret reaches the store, so no index and no comparison there can tell its bytes apart.
    expect(asked).toEqual([id, id, id, `dk_${'0'.repeat(16)}`])
  }) // prettier-ignore

  test('gets one answer, whichever half is wrong (A62)', async () => {
    const right = await keyFor(broker, 'timed')
    const flipped = (at: number): string => right.slice(0, at) + (right[at] === 'a' ? 'b' : 'a') + right.slice(at + 1)
    const answers = await Promise.all(
      [flipped(5), flipped(20), flipped(right.length - 1)].map((key) => broker.call('GET', '/connections', { key })),
    )
    const bodies = answers.map(({ status, body }) => JSON.stringify({ status, ...body, request_id: '' }))
    expect(new Set(bodies).size).toBe(1)
    expect(answers[0]).toMatchObject({ status: 403, body: { code: 'invalid_api_key' } })
  })
})
