import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { signState, verifyState } from '../../../src/domain/signed-state.js'
import { type CaptureBroker, resultOf, startCaptureBroker, type StartedCapture } from './capture-broker.js'

const goodKey = 'good-key-0123456789'
const schema = {
  type: 'object',
  properties: { zone: { type: 'string', enum: ['eu', 'us'] }, api_key: { type: 'string', minLength: 8 } },
  required: ['api_key'],
}

let broker: CaptureBroker
let checkedId: string
let plainId: string
let oauthId: string

beforeAll(async () => {
  broker = await startCaptureBroker()
  const strategy = { type: 'header', config: { header_name: 'X-Acme-Key', credential_field: 'api_key' } }
  const acme = { strategy, credential_schema: schema }
  checkedId = await broker.register({
    ...acme,
    name: 'checked',
    api_base_url: broker.api.url,
    user_info_endpoint: '/me',
  })
  plainId = await broker.register({ ...acme, name: 'plain' })
  oauthId = await broker.register({
    name: 'grants',
    auth_type: 'oauth2',
    client_id: 'c',
    client_secret: 's',
    auth_url: 'https://grants.example/authorize',
    token_url: 'https://grants.example/token',
  })
})
afterAll(() => broker.close())
beforeEach(() => {
  broker.events.length = 0
  broker.api.seen.length = 0
  broker.api.answers(undefined)
})

const capture = (started: Pick<StartedCapture, 'state'>, credentials: unknown) =>
  broker.call('POST', '/auth/capture-credential', { body: { state: started.state, credentials } })

/** The state a broker would have made with some members changed, signed with its real key. */
const restated = (started: StartedCapture, change: Record<string, string>): string => {
  const key = broker.settings.stateKeys[0]
  const { purpose } = JSON.parse(Buffer.from(started.state.split('.')[0] ?? '', 'base64url').toString()) as {
    purpose: 'capture'
  }
  return signState({ ...verifyState(started.state, purpose, [key], Date.now()), ...change }, key)
}

describe('capturing static credentials with a state', () => {
  test('shows the schema, seals exactly what was given, activates, and redirects once', async () => {
    const started = await broker.start(plainId)
    const shown = await broker.call('GET', `/auth/capture-schema?state=${started.state}`)
    expect([shown.status, shown.body, shown.headers.get('cache-control')]).toEqual([
      200,
      { provider_name: 'plain', schema },
      'no-store',
    ])

    const answer = await capture(started, { zone: 'eu', api_key: 'key-0123' })
    expect([answer.status, answer.text]).toEqual([302, ''])
    expect(await broker.held(started.connectionId)).toEqual({
      status: 'active',
      reason: undefined,
      credentials: { type: 'static', values: { zone: 'eu', api_key: 'key-0123' } },
    })
    expect(broker.events.map(({ type, connectionId, actor }) => [type, connectionId, actor.tenantId])).toEqual([
      ['connection.created', started.connectionId, 't1'],
      ['credentials.captured', started.connectionId, 't1'],
    ])
  })

  test('a return URL keeps its own query and gets the result as parameters (fault 24)', async () => {
    const started = await broker.start(plainId, 'https://app.example.com/done?tab=1&status=old#top')
    const answer = await capture(started, { api_key: 'key-0123' })
    expect(answer.headers.get('location')).toBe(
      `https://app.example.com/done?tab=1&status=success&connection_id=${started.connectionId}&provider=plain#top`,
    )
  })

  test.each([['pending'], ['active'], ['failed'], ['revoked']])(
    'a state of an OAuth consent plants nothing in a connection that is %s (fault 12)',
    async (status) => {
      const started = await broker.start(oauthId)
      await broker.query(
        `update connections set status = ?, sealed_credentials = '\\x00' where id = ?`,
        status,
        started.connectionId,
      )
      const forged = restated(started, { purpose: 'capture' })
      for (const state of [started.state, forged]) {
        const answer = await capture({ state }, { access_token: 'planted' })
        expect([answer.status, answer.body.code]).toEqual([400, 'invalid_state'])
        expect((await broker.call('GET', `/auth/capture-schema?state=${state}`)).body.code).toBe('invalid_state')
      }
      const [row] = await broker.query(
        'select status, sealed_credentials from connections where id = ?',
        started.connectionId,
      )
      expect(row).toEqual({ status, sealed_credentials: Buffer.from([0]) })
    },
  )

  test('a state cannot be pointed at another connection, provider or tenant, even with the real key', async () => {
    const [mine, other] = [await broker.start(plainId), await broker.start(plainId)]
    for (const change of [{ nonce: other.connectionId }, { provider_id: checkedId }, { tenant: 't2' }])
      expect((await capture({ state: restated(mine, change) }, { api_key: 'key-0123' })).body.code).toBe(
        'invalid_state',
      )
    expect((await broker.held(other.connectionId)).status).toBe('pending')
  })

  test('a replay is refused and leaves the stored ciphertext as it is (fault 13) (A17)', async () => {
    const started = await broker.start(plainId)
    await capture(started, { api_key: 'first-key' })
    const sql = 'select sealed_credentials, version, updated_at from connections where id = ?'
    const before = await broker.query(sql, started.connectionId)
    const replay = await capture(started, { api_key: 'second-key' })
    expect([replay.status, replay.body.code]).toEqual([409, 'consent_already_used'])
    expect(await broker.query(sql, started.connectionId)).toEqual(before)
    expect((await broker.call('GET', `/auth/capture-schema?state=${started.state}`)).status).toBe(409)
  })

  test('of twenty parallel captures exactly one is stored (fault 13)', async () => {
    const started = await broker.start(plainId)
    const keys = Array.from({ length: 20 }, (_, index) => `parallel-key-${index}`)
    const answers = await Promise.all(keys.map((api_key) => capture(started, { api_key })))
    const winners = keys.filter((_, index) => answers[index]?.status === 302)
    expect(winners).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19)
    expect((await broker.held(started.connectionId)).credentials).toEqual({
      type: 'static',
      values: { api_key: winners[0] },
    })
  })

  test('a state from the future is refused, and so is one that is too old (fault 13)', async () => {
    const started = await broker.start(plainId)
    const future = restated(started, { iat: new Date(Date.now() + 3_600_000).toISOString() })
    expect((await capture({ state: future }, { api_key: 'key-0123' })).body.code).toBe('invalid_state')
    broker.advance(11 * 60_000)
    try {
      expect((await capture(started, { api_key: 'key-0123' })).body.code).toBe('invalid_state')
    } finally {
      broker.advance(-11 * 60_000)
    }
    expect(broker.events.map(({ type }) => type)).toContain('state_verification_failed')
  })

  test('a capture whose time is over by the clock of the database is refused', async () => {
    const started = await broker.start(plainId)
    await broker.query(`update authorization_requests set expires_at = now() where id = ?`, started.ticket)
    const answer = await capture(started, { api_key: 'key-0123' })
    expect([answer.status, answer.body.code]).toEqual([410, 'consent_expired'])
  })

  test.each([['pending'], ['failed'], ['revoked']])(
    'a connection that is %s instead of waiting is never revived',
    async (status) => {
      const started = await broker.start(plainId)
      if (status !== 'pending')
        await broker.query('update connections set status = ? where id = ?', status, started.connectionId)
      const answer = await capture(started, { api_key: 'key-0123' })
      expect(answer.status).toBe(status === 'pending' ? 302 : 409)
      expect((await broker.held(started.connectionId)).status).toBe(status === 'pending' ? 'active' : status)
    },
  )

  test.each([
    ['no credentials', undefined],
    ['null', null],
    ['an empty object', {}],
    ['a field of the wrong type', { api_key: 12345678 }],
    ['an unknown field', { api_key: 'key-0123', canary: 'canary' }],
  ])('%s are refused against the schema and the connection stays pending (fault 25)', async (_what, credentials) => {
    const started = await broker.start(plainId)
    const answer = await capture(started, credentials)
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_credentials'])
    expect(answer.text).not.toContain('canary')
    expect((await broker.held(started.connectionId)).status).toBe('pending')
    expect((await capture(started, { api_key: 'key-0123' })).status).toBe(302)
  })

  test('a body that is no object, or a state given twice, is refused', async () => {
    const started = await broker.start(plainId)
    expect((await broker.call('POST', '/auth/capture-credential', { body: [] })).body.code).toBe('invalid_state')
    expect((await broker.call('POST', '/auth/capture-credential', { body: '{' })).body.code).toBe('invalid_json')
    const twice = `/auth/capture-schema?state=${started.state}&state=${started.state}`
    expect((await broker.call('GET', twice)).body.code).toBe('invalid_state')
    const wrong = await broker.call('DELETE', '/auth/capture-credential')
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST'])
  })

  test('a return URL that left the allowlist is not redirected to, and nothing is stored', async () => {
    const started = await broker.start(plainId)
    const { returnUrlRules } = broker.settings
    broker.settings.returnUrlRules = []
    try {
      expect((await capture(started, { api_key: 'key-0123' })).body.code).toBe('return_url_not_allowed')
    } finally {
      broker.settings.returnUrlRules = returnUrlRules
    }
    expect((await broker.held(started.connectionId)).status).toBe('pending')
  })

  test('a deleted provider takes no more credentials', async () => {
    const id = await broker.register({ name: 'gone' })
    const started = await broker.start(id)
    await broker.ports.providers.remove(id)
    expect((await capture(started, { api_key: 'key-0123' })).body.code).toBe('provider_not_found')
  })

  test('when storing fails after the claim, the connection fails and the application hears of it', async () => {
    const started = await broker.start(plainId)
    await broker.query(
      `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'disk full'; end $$`,
    )
    await broker.query(
      `create trigger refuse before update on connections for each row when (new.sealed_credentials is not null) execute function refuse()`,
    )
    try {
      const answer = await capture(started, { api_key: 'key-0123' })
      expect(answer.status).toBe(302)
      expect(resultOf(answer)).toEqual({
        tab: '1',
        status: 'error',
        connection_id: started.connectionId,
        error: 'provider_error',
      })
    } finally {
      await broker.query('drop function refuse cascade')
    }
    expect(await broker.held(started.connectionId)).toEqual({
      status: 'failed',
      reason: 'provider_error',
      credentials: undefined,
    })
    expect(broker.events.at(-1)?.type).toBe('token_storage_failed')
  })
})

describe('credentials that are checked with their provider', () => {
  test('are sent exactly as agents are told to send them (fault 26)', async () => {
    const started = await broker.start(checkedId)
    expect((await capture(started, { api_key: goodKey })).status).toBe(302)
    expect(broker.api.seen).toEqual([{ authorization: undefined, key: goodKey }])
    const row = await broker.ports.connections.readCredentials({ tenantId: 't1', connectionId: started.connectionId })
    expect(row?.strategy).toEqual({
      type: 'header',
      config: { header_name: 'X-Acme-Key', credential_field: 'api_key' },
    })
    expect(broker.events.at(-1)).toMatchObject({ type: 'credentials.captured', data: { is_verified: true } })
  })

  test('and refused leave the person free to try again', async () => {
    const started = await broker.start(checkedId)
    const refused = await capture(started, { api_key: 'wrong-key-canary' })
    expect([refused.status, refused.body.code]).toEqual([400, 'invalid_credentials'])
    expect(refused.body.message).toBe('credentials were not accepted by the provider')
    expect(broker.events.at(-1)).toMatchObject({ type: 'credentials.rejected', data: { reason: 'provider' } })
    expect(JSON.stringify(broker.events)).not.toContain('canary')
    expect((await capture(started, { api_key: goodKey })).status).toBe(302)
  })

  test('are not tried more than ten times with one state', async () => {
    const started = await broker.start(checkedId)
    for (let attempt = 1; attempt <= 10; attempt++)
      expect((await capture(started, { api_key: `wrong-key-${attempt}` })).status).toBe(400)
    const last = await capture(started, { api_key: goodKey })
    expect([last.status, last.body.code]).toEqual([429, 'rate_limited'])
    expect(broker.api.seen).toHaveLength(10)
    expect((await broker.held(started.connectionId)).status).toBe('pending')
  })

  test('are not stored unchecked while the provider is down', async () => {
    const started = await broker.start(checkedId)
    broker.api.answers(500)
    expect((await capture(started, { api_key: goodKey })).body.code).toBe('provider_unavailable')
    broker.api.answers(undefined)
    expect((await capture(started, { api_key: goodKey })).status).toBe(302)
  })
})
