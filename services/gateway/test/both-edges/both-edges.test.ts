import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { grpcEdge, httpEdge, type Edge, type Outcome } from './edges.js'
import { returnUrl, startStack, type Stack } from './stack.js'

let stack: Stack
beforeAll(async () => {
  stack = await startStack()
})
afterAll(() => stack.close())

const edges: [string, (stack: Stack) => Edge][] = [
  ['HTTP', ({ gateway, agentKey }) => httpEdge(gateway, agentKey)],
  ['gRPC nexus.v1', ({ gateway, agentKey }) => grpcEdge(gateway, agentKey, 'nexus.v1.NexusService')],
  ['gRPC oha.v1', ({ gateway, agentKey }) => grpcEdge(gateway, agentKey, 'oha.v1.OHAService')],
]

const wish = { user_id: 'user-7', provider_name: 'google', return_url: returnUrl, scopes: ['openid', 'email'] }

function answerOf(outcome: Outcome): Record<string, unknown> {
  if (outcome.answer === undefined) throw new Error(`refused: ${outcome.reason}: ${outcome.message}`)
  return outcome.answer
}

const reasonOf = (outcome: Outcome): string => (outcome.answer === undefined ? outcome.reason : 'accepted')

async function ask(edge: Edge): Promise<{ id: string; authUrl: string }> {
  const { connection_id, authUrl } = answerOf(await edge.requestConnection(wish))
  return { id: String(connection_id), authUrl: String(authUrl) }
}

async function connect(edge: Edge): Promise<string> {
  const { id, authUrl } = await ask(edge)
  expect(await stack.consent(authUrl)).toMatchObject({ status: 'success', connection_id: id })
  return id
}

describe.each(edges)('over %s', (_name, open) => {
  let edge: Edge
  beforeAll(() => {
    edge = open(stack)
  })
  afterAll(() => edge.close())

  test('request-connection answers a link and a pending connection', async () => {
    expect(answerOf(await edge.requestConnection(wish))).toEqual({
      authUrl: expect.stringMatching(/^http:\/\/localhost\/auth\/start\//),
      state: expect.stringMatching(/^[\w-]+\.[\w-]+$/),
      scopes: wish.scopes,
      provider_id: stack.broker.providerId,
      connection_id: expect.stringMatching(/^cn_/),
    })
  })

  test('check-connection answers pending while the person has not consented, then active (fault 52)', async () => {
    const { id, authUrl } = await ask(edge)
    expect(answerOf(await edge.checkConnection(id))).toEqual({
      status: 'pending',
      detail: expect.stringContaining('open authUrl'),
    })
    await stack.consent(authUrl)
    expect(answerOf(await edge.checkConnection(id))).toEqual({ status: 'active' })
  })

  test('check-connection answers failed and says why when the person refuses', async () => {
    const { id, authUrl } = await ask(edge)
    await stack.consent(authUrl, 'deny')
    expect(answerOf(await edge.checkConnection(id))).toEqual({
      status: 'failed',
      detail: expect.stringContaining('access_denied'),
    })
  })

  test('check-connection counts as no token read: nothing is decrypted, counted or audited as one (fault 53)', async () => {
    const id = await connect(edge)
    const before = await tokenReads(id)
    for (let poll = 0; poll < 3; poll++) await edge.checkConnection(id)
    expect(await tokenReads(id)).toEqual(before)
    await edge.getToken(id)
    const { audited, counted } = await tokenReads(id)
    expect(audited).toBe(before.audited + 1)
    expect(counted).not.toEqual(before.counted)
  })

  test('a token read hands out every member, expiry, scope, strategy and credentials included (fault 56)', async () => {
    const id = await connect(edge)
    const oauth = {
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]+Z$/),
      expired: false,
      scope: 'openid email',
    }
    const answer = answerOf(await edge.getToken(id))
    expect(answer).toMatchObject({ ...oauth, provider: 'google', strategy: { type: 'oauth2' }, credentials: oauth })
    expect(Number.isInteger(answer.expires_in)).toBe(true)
    expect(JSON.stringify(answer)).not.toContain('refresh_token')
  })

  test('a refresh answers what a token read answers, with a newer token (fault 56)', async () => {
    const id = await connect(edge)
    const read = answerOf(await edge.getToken(id))
    const refreshed = answerOf(await edge.refreshConnection(id))
    expect(Object.keys(refreshed).sort()).toEqual(Object.keys(read).sort())
    expect(refreshed.access_token).not.toBe(read.access_token)
    expect(answerOf(await edge.getToken(id)).access_token).toBe(refreshed.access_token)
  })

  test('a pending connection gives no token, and says so with a real status (fault 54) (A77)', async () => {
    const { id } = await ask(edge)
    expect([reasonOf(await edge.getToken(id)), reasonOf(await edge.refreshConnection(id))]).toEqual([
      'connection_not_active',
      'connection_not_active',
    ])
  })

  test('a dead grant is attention_required for every read, and check-connection names it (fault 55)', async () => {
    const id = await connect(edge)
    stack.broker.provider.revokeSubject('user-1')
    expect(reasonOf(await edge.refreshConnection(id))).toBe('attention_required')
    expect(reasonOf(await edge.getToken(id))).toBe('attention_required')
    expect(reasonOf(await edge.refreshConnection(id))).toBe('attention_required')
    expect(answerOf(await edge.checkConnection(id))).toEqual({
      status: 'failed',
      detail: expect.stringMatching(/^attention: .*request-connection/),
    })
  })

  test('a connection id is worth nothing with the key of another tenant (fault 1)', async () => {
    const id = await connect(edge)
    const stranger = { key: stack.strangerKey }
    const outcomes = [
      await edge.checkConnection(id, stranger),
      await edge.getToken(id, stranger),
      await edge.refreshConnection(id, stranger),
    ]
    expect(outcomes.map(reasonOf)).toEqual(outcomes.map(() => 'connection_not_found'))
    const unknown = `cn_${'0'.repeat(32)}`
    // The same words as for an id that does not exist: nothing tells the two apart.
    expect(outcomes[1]).toEqual(await edge.getToken(unknown))
  })

  test('no key and a wrong key are refused', async () => {
    const { id } = await ask(edge)
    expect(reasonOf(await edge.getToken(id, { key: null }))).toBe('missing_api_key')
    const wrong = stack.agentKey.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'))
    expect(reasonOf(await edge.getToken(id, { key: wrong }))).toBe('invalid_api_key')
  })

  test.each([
    ['no user', { user_id: '' }, 'missing_fields'],
    ['no provider', { provider_name: '' }, 'missing_fields'],
    ['no return URL', { return_url: '' }, 'missing_fields'],
    ['an unknown provider', { provider_name: 'gogle' }, 'provider_not_found'],
    ['an unknown provider id', { provider_id: '11111111-2222-4333-8444-555555555555' }, 'provider_not_found'],
    ['a provider id that is none', { provider_id: 'google' }, 'invalid_provider_id'],
    ['a foreign return URL', { return_url: 'https://evil.example/' }, 'return_url_not_allowed'],
    ['a script for a return URL', { return_url: 'javascript:alert(1)' }, 'return_url_not_allowed'],
  ])('request-connection with %s is a fault of the caller (fault 57)', async (_title, change, reason) => {
    expect(reasonOf(await edge.requestConnection({ ...wish, ...change }))).toBe(reason)
  })

  test('a provider is found by its name without regard to case (fault 60)', async () => {
    const { provider_id } = answerOf(await edge.requestConnection({ ...wish, provider_name: 'Google' }))
    expect(provider_id).toBe(stack.broker.providerId)
  })

  test('an idempotency key makes a repeat the same connection, and another request a conflict', async () => {
    const options = { idempotencyKey: `key-${_name.replaceAll(' ', '-')}` }
    const first = await edge.requestConnection(wish, options)
    const second = await edge.requestConnection(wish, options)
    expect([first, second]).toMatchObject([{ isReplay: false }, { isReplay: true }])
    expect(answerOf(second)).toEqual(answerOf(first))
    expect(reasonOf(await edge.requestConnection({ ...wish, user_id: 'other' }, options))).toBe('idempotency_conflict')
  })
})

test('a token read is the same to the last member over every edge (fault 58)', async () => {
  const [first, ...others] = edges.map(([, open]) => open(stack))
  if (first === undefined) throw new Error('no edge')
  const id = await connect(first)
  const answers = [answerOf(await first.getToken(id))]
  for (const edge of others) answers.push(answerOf(await edge.getToken(id)))
  const timeless = answers.map(
    (answer) => JSON.parse(JSON.stringify(answer).replaceAll(/"expires_in":\d+/g, '"":0')) as object,
  )
  expect(timeless).toEqual(timeless.map(() => timeless[0]))
  for (const edge of [first, ...others]) edge.close()
})

/** Every trace of a token read: audit rows of the connection and the broker's counter. */
async function tokenReads(connectionId: string): Promise<{ audited: number; counted: string[] }> {
  const rows = await stack.broker.query<{ count: string }>(
    `select count(*) from audit_events where connection_id = $1 and event_type = 'token_retrieved'`,
    [connectionId],
  )
  const { text } = await stack.broker.call('GET', '/metrics')
  const counted = text.split('\n').filter((line) => line.startsWith('oauth_token_get_total'))
  return { audited: Number(rows[0]?.count), counted }
}
