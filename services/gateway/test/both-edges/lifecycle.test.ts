import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { newProof } from '../../../broker/test/harness/completion.js'
import { grpcEdge, httpEdge, type Edge, type Outcome } from './edges.js'
import { registerBound, returnUrl, startStack, type Stack } from './stack.js'

// Owns the life of a connection after its first consent, claimed once for every edge.

let stack: Stack
beforeAll(async () => {
  stack = await startStack()
  await registerBound(stack)
})
afterAll(() => stack.close())

const edges: [string, (stack: Stack) => Edge][] = [
  ['HTTP', ({ gateway, agentKey }) => httpEdge(gateway, agentKey)],
  ['gRPC nexus.v1', ({ gateway, agentKey }) => grpcEdge(gateway, agentKey, 'nexus.v1.NexusService')],
  ['gRPC oha.v1', ({ gateway, agentKey }) => grpcEdge(gateway, agentKey, 'oha.v1.OHAService')],
]

function answerOf(outcome: Outcome): Record<string, unknown> {
  if (outcome.answer === undefined) throw new Error(`refused: ${outcome.reason}: ${outcome.message}`)
  return outcome.answer
}

const reasonOf = (outcome: Outcome): string => (outcome.answer === undefined ? outcome.reason : 'accepted')

async function ask(edge: Edge, userId: string, provider = 'google'): Promise<{ id: string; authUrl: string }> {
  const wish = { user_id: userId, provider_name: provider, return_url: returnUrl, scopes: ['openid', 'email'] }
  const { connection_id, authUrl } = answerOf(await edge.requestConnection(wish))
  return { id: String(connection_id), authUrl: String(authUrl) }
}

async function connect(edge: Edge, userId: string, provider?: string): Promise<string> {
  const { id, authUrl } = await ask(edge, userId, provider)
  expect(await stack.consent(authUrl)).toMatchObject({ status: 'success', connection_id: id })
  return id
}

const idsOf = (page: Record<string, unknown>): unknown[] =>
  ((page.data ?? []) as Record<string, unknown>[]).map((each) => each.connection_id)

describe.each(edges)('over %s', (name, open) => {
  let edge: Edge
  const user = `user-of-${name.replaceAll(' ', '-')}`
  beforeAll(() => {
    edge = open(stack)
  })
  afterAll(() => edge.close())

  test('a connection tells everything but its token', async () => {
    const id = await connect(edge, `${user}-seen`)
    const seen = answerOf(await edge.getConnection(id))
    expect(seen).toMatchObject({
      connection_id: id,
      status: 'active',
      detail: 'the connection is active',
      user_id: `${user}-seen`,
      provider: { id: stack.broker.providerId, name: 'google', auth_type: 'oauth2' },
      requested_scopes: ['openid', 'email'],
      granted_scopes: ['openid', 'email'],
      account: { issuer: stack.broker.provider.issuer, subject: 'user-1' },
      created_at: expect.stringMatching(/Z$/),
      granted_at: expect.stringMatching(/Z$/),
      expires_at: expect.stringMatching(/Z$/),
      token_version: 1,
    })
    expect(JSON.stringify(seen)).not.toContain(String(answerOf(await edge.getToken(id)).access_token))
  })

  test('an idempotency key makes a repeated reconnect or step-up the same link, and another request a conflict', async () => {
    const [id, other] = [await connect(edge, `${user}-twice`), await connect(edge, `${user}-other`)]
    const key = `again-${user}`
    const [first, second] = [
      await edge.reconnect(id, {}, { idempotencyKey: key }),
      await edge.reconnect(id, {}, { idempotencyKey: key }),
    ]
    expect([first, second]).toMatchObject([{ isReplay: false }, { isReplay: true }])
    expect(answerOf(second)).toEqual(answerOf(first))
    expect(answerOf(await edge.reconnect(id, {}))).not.toEqual(answerOf(first))
    expect(reasonOf(await edge.reconnect(other, {}, { idempotencyKey: key }))).toBe('idempotency_conflict')
    const scopes = { scopes: ['calendar'] }
    const wider = [
      await edge.stepUp(id, scopes, { idempotencyKey: `wider-${user}` }),
      await edge.stepUp(id, scopes, { idempotencyKey: `wider-${user}` }),
    ]
    expect(wider).toMatchObject([{ isReplay: false }, { isReplay: true }])
    expect(reasonOf(await edge.stepUp(id, { scopes: ['mail'] }, { idempotencyKey: `wider-${user}` }))).toBe(
      'idempotency_conflict',
    )
  })

  test('the list is filtered and comes in pages', async () => {
    const made: string[] = []
    for (let count = 0; count < 3; count++) made.unshift((await ask(edge, user)).id)
    const active = await connect(edge, user)
    const first = answerOf(await edge.listConnections({ user_id: user, provider_name: 'google', status: 'pending', limit: 2 }))
    expect([idsOf(first), first.has_more]).toEqual([made.slice(0, 2), true])
    const cursor = String(first.next_cursor)
    const rest = answerOf(await edge.listConnections({ user_id: user, status: 'pending', limit: 2, cursor }))
    expect([idsOf(rest), rest.has_more, rest.next_cursor]).toEqual([made.slice(2), undefined, undefined])
    const providers = { user_id: user, provider_id: stack.broker.providerId, status: 'active' }
    expect(idsOf(answerOf(await edge.listConnections(providers)))).toEqual([active])
  }) // prettier-ignore

  test('a reconnect keeps the connection, and the held token serves until it is done', async () => {
    const id = await connect(edge, user)
    const held = answerOf(await edge.getToken(id)).access_token
    const spec = answerOf(await edge.reconnect(id, { return_url: returnUrl }))
    expect(spec).toMatchObject({ connection_id: id, scopes: ['openid', 'email'], provider_id: stack.broker.providerId })
    expect(answerOf(await edge.getToken(id)).access_token).toBe(held)
    expect(await stack.consent(String(spec.authUrl))).toMatchObject({ status: 'success', connection_id: id })
    expect(answerOf(await edge.getToken(id))).toMatchObject({ token_version: 2, access_token: expect.not.stringMatching(String(held)) })
  }) // prettier-ignore

  test('a dead grant carries a fresh link when asked, and is alive after it', async () => {
    const id = await connect(edge, user)
    stack.broker.provider.revokeSubject('user-1')
    expect(reasonOf(await edge.refreshConnection(id))).toBe('attention_required')
    expect(answerOf(await edge.getConnection(id)).authUrl).toBeUndefined()
    const seen = answerOf(await edge.getConnection(id, { withAuthUrl: true }))
    expect(seen).toMatchObject({
      status: 'attention',
      reason: 'revoked',
      detail: expect.stringContaining('/reconnect'),
    })
    expect(await stack.consent(String(seen.authUrl))).toMatchObject({ status: 'success', connection_id: id })
    expect(answerOf(await edge.checkConnection(id))).toEqual({ status: 'active' })
  })

  test('where a tenant completes its connections, a look still tells the state, and what a link takes (A5)', async () => {
    const id = await connect(edge, user)
    await stack.broker.query(`update connections set status = 'attention', reason = 'revoked' where id = $1`, [id])
    const demand = (isDemanded: boolean) => stack.broker.query('update tenants set requires_completion = $1', [isDemanded])
    await demand(true)
    try {
      const { authUrl, ...seen } = answerOf(await edge.getConnection(id, { withAuthUrl: true }))
      expect(authUrl).toBeUndefined()
      const detail = expect.stringMatching(/\/reconnect.*missing: completion_challenge/)
      expect(seen).toMatchObject({ connection_id: id, status: 'attention', reason: 'revoked', detail })
      const proof = newProof()
      const spec = answerOf(await edge.reconnect(id, { completion_challenge: proof.challenge }))
      expect(await stack.consent(String(spec.authUrl))).toMatchObject({ status: 'pending', connection_id: id })
    } finally {
      await demand(false)
    }
  }) // prettier-ignore

  test('a step-up asks for the union of the scopes', async () => {
    const id = await connect(edge, user)
    const spec = answerOf(await edge.stepUp(id, { scopes: ['calendar'], return_url: returnUrl }))
    expect(spec.scopes).toEqual(['openid', 'email', 'calendar'])
    await stack.consent(String(spec.authUrl))
    expect(answerOf(await edge.getConnection(id)).granted_scopes).toEqual(['openid', 'email', 'calendar'])
  })

  test('a connection is given its own policy of refreshes, and its provider’s again', async () => {
    const id = await connect(edge, user)
    const policy = async () => answerOf(await edge.getConnection(id)).refresh_schedule
    expect(await policy()).toBeUndefined()
    for (const refresh_schedule of ['on_demand', 'keep_alive', 'proactive']) {
      expect(answerOf(await edge.update(id, { refresh_schedule }))).toMatchObject({
        connection_id: id,
        refresh_schedule,
      })
      expect(await policy()).toBe(refresh_schedule)
    }
    expect(reasonOf(await edge.update(id, {}))).toBe('missing_fields')
    expect(reasonOf(await edge.update(id, { refresh_schedule: 'hourly' }))).toBe('invalid_request')
    expect(await policy()).toBe('proactive')
    expect(answerOf(await edge.update(id, { refresh_schedule: null })).refresh_schedule).toBeUndefined()
    expect(await policy()).toBeUndefined()
  })

  test('a disconnect ends it at once and at the provider; repeated it changes nothing', async () => {
    const id = await connect(edge, user)
    const before = stack.broker.provider.journal('revocation').length
    expect(answerOf(await edge.disconnect(id))).toMatchObject({ status: 'revoked', revocation: 'revoked' })
    expect(reasonOf(await edge.getToken(id))).toBe('connection_not_active')
    expect(answerOf(await edge.disconnect(id))).toMatchObject({ status: 'revoked', revocation: 'revoked' })
    expect(stack.broker.provider.journal('revocation').length).toBe(before + 1)
    expect(answerOf(await edge.checkConnection(id))).toMatchObject({
      status: 'failed',
      detail: expect.stringMatching(/^revoked/),
    })
  })

  test('a refresh can be made conditional on the version that failed, and a read on the time that is left', async () => {
    const id = await connect(edge, user)
    expect(answerOf(await edge.refreshConnection(id, { ifVersion: 0 }))).toMatchObject({ token_version: 1 })
    const answers = await Promise.all(Array.from({ length: 5 }, () => edge.refreshConnection(id, { ifVersion: 1 })))
    expect(answers.map((answer) => answerOf(answer).token_version)).toEqual([2, 2, 2, 2, 2])
    expect(answerOf(await edge.getToken(id, { minTtl: 60 })).token_version).toBe(2)
    expect(answerOf(await edge.getToken(id, { minTtl: 3600 })).token_version).toBe(3)
  })

  test('a bound token is used with a proof, and the key stays with the broker', async () => {
    const id = await connect(edge, user, 'bound')
    const token = answerOf(await edge.getToken(id))
    const { apiUrl } = stack.broker.provider
    const { proof, token_version } = answerOf(await edge.proveDpop(id, { method: 'GET', url: apiUrl }))
    expect([token.token_type, token_version]).toEqual(['DPoP', token.token_version])
    const call = (headers: Record<string, string>) => fetch(apiUrl, { headers })
    const authorization = `DPoP ${String(token.access_token)}`
    expect((await call({ authorization, dpop: String(proof) })).status).toBe(200)
    expect((await call({ authorization: authorization.replace('DPoP', 'Bearer') })).status).toBe(401)
    expect(JSON.stringify(token)).not.toContain('"d"')
    expect(reasonOf(await edge.proveDpop(id, { method: 'GET', url: 'http://far.example/' }))).toBe('invalid_request')
    expect(reasonOf(await edge.proveDpop(await connect(edge, user), { method: 'GET', url: apiUrl }))).toBe(
      'token_not_bound',
    )
  })

  test('nothing of it exists for another tenant', async () => {
    const id = await connect(edge, user)
    const stranger = { key: stack.strangerKey }
    const outcomes = [
      await edge.getConnection(id, stranger),
      await edge.getConnection(id, { ...stranger, withAuthUrl: true }),
      await edge.update(id, { refresh_schedule: 'on_demand' }, stranger),
      await edge.disconnect(id, stranger),
      await edge.reconnect(id, { return_url: returnUrl }, stranger),
      await edge.stepUp(id, { scopes: ['calendar'], return_url: returnUrl }, stranger),
      await edge.proveDpop(id, { method: 'GET', url: 'https://api.example/' }, stranger),
    ]
    expect(outcomes.map(reasonOf)).toEqual(outcomes.map(() => 'connection_not_found'))
    expect(idsOf(answerOf(await edge.listConnections({}, stranger)))).toEqual([])
    expect(reasonOf(await edge.listConnections({ cursor: id }, stranger))).toBe('invalid_cursor')
    expect(answerOf(await edge.getConnection(id))).toMatchObject({ status: 'active' })
  })

  test.each([
    ['a status that is none', (on: Edge) => on.listConnections({ status: 'lost' }), 'invalid_request'],
    ['a page too large', (on: Edge) => on.listConnections({ limit: 1000 }), 'invalid_request'],
    ['a cursor that is none', (on: Edge) => on.listConnections({ cursor: 'x' }), 'invalid_cursor'],
    ['a provider id that is none', (on: Edge) => on.listConnections({ provider_id: 'google' }), 'invalid_provider_id'],
    ['an id that is none', (on: Edge) => on.getConnection('x/y'), 'invalid_connection_id'],
    ['no key', (on: Edge) => on.listConnections({}, { key: null }), 'missing_api_key'],
  ])('%s is refused', async (_title, call, reason) => {
    expect(reasonOf(await call(edge))).toBe(reason)
  })

  test('a step-up without scopes and a return URL that is not listed are faults of the caller', async () => {
    const id = await connect(edge, user)
    const foreign = { return_url: 'https://evil.example/' }
    expect(reasonOf(await edge.stepUp(id, { return_url: returnUrl }))).toBe('missing_fields')
    expect(reasonOf(await edge.reconnect(id, foreign))).toBe('return_url_not_allowed')
  })
})

test('a connection is the same to the last member over every edge', async () => {
  const [first, ...others] = edges.map(([, open]) => open(stack))
  if (first === undefined) throw new Error('no edge')
  const id = await connect(first, 'user-of-all')
  const seen = answerOf(await first.getConnection(id))
  for (const edge of others) expect(answerOf(await edge.getConnection(id))).toEqual(seen)
  for (const edge of [first, ...others]) edge.close()
})
