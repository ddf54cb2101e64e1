import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:http'
import { answerErrors, assignRequestId, createLogger } from '@dromos/runtime'
import { afterEach, describe, expect, test } from '@jest/globals'
import express from 'express'
import { digestOfSecret, formatApiKey, newApiKey } from '../../src/domain/api-key.js'
import type { ApiKey, Role } from '../../src/domain/caller.js'
import type { BrokerEvent } from '../../src/domain/events.js'
import type { KeyRecord } from '../../src/flows/ports/clients.js'
import { actorOf, callerOf, guard, type GuardSettings } from '../../src/http/guard.js'

const now = new Date('2026-07-01T12:00:00Z')
const operatorKey = 'operator-key-of-the-environment'

let server: Server | undefined
afterEach(() => new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined))))

const keyWith = (change: Partial<KeyRecord>): { key: ApiKey; record: KeyRecord; text: string } => {
  const key = newApiKey()
  const roles: readonly Role[] = ['agent']
  const record = {
    tenantId: 'acme',
    clientId: 'mailer',
    keyId: key.keyId,
    roles,
    mayReadRefreshTokens: false,
    secretDigest: digestOfSecret(key.secret),
    expiresAt: undefined,
    isRevoked: false,
    ...change,
  }
  return { key, record, text: formatApiKey(key) }
}

/** A guarded route on a real server that answers with what the guard found out. */
async function guarded(records: readonly KeyRecord[], settings: Partial<GuardSettings> = {}) {
  const events: BrokerEvent[] = []
  const lookups: string[] = []
  const app = express()
  app.set('query parser', 'simple')
  app.use(assignRequestId)
  app.use(
    guard(
      {
        apiKeys: [operatorKey],
        requireApiKey: true,
        allowedCidrs: undefined,
        trustedProxies: [],
        requestsPerSecondPerClient: 0,
        ...settings,
      },
      {
        now: () => now,
        report: async (event) => void events.push(event),
        clients: {
          findKey: async (keyId) => {
            lookups.push(keyId)
            return records.find((each) => each.keyId === keyId)
          },
          ensureClient: () => Promise.reject(new Error('not asked for')),
          addKey: () => Promise.reject(new Error('not asked for')),
          requireCompletion: () => Promise.reject(new Error('not asked for')),
          listKeys: () => Promise.reject(new Error('not asked for')),
          revokeKey: () => Promise.reject(new Error('not asked for')),
        },
      },
    ),
  )
  app.get('/', (_request, response) => void response.json({ caller: callerOf(response), actor: actorOf(response) }))
  app.use(answerErrors(createLogger({ service: 'test', level: 'silent' })))
  const started = createServer(app)
  server = started
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', () => resolve()))
  const { port } = started.address() as AddressInfo
  const get = async (headers: Record<string, string> = {}, query = '') => {
    const answer = await fetch(`http://127.0.0.1:${port}/${query}`, { headers })
    const body = (await answer.json()) as Record<string, unknown>
    return { status: answer.status, error: body.error, message: body.message, caller: body.caller, actor: body.actor }
  }
  return { get, events, lookups }
}

const basic = (user: string, password: string): Record<string, string> => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

describe('one key is the caller', () => {
  const { key, record, text } = keyWith({})
  test.each<[string, Record<string, string>]>([
    ['X-API-Key', { 'X-API-Key': ` ${text} ` }],
    ['a Bearer token', { Authorization: `bearer ${text}` }],
    ['Basic with id and secret', basic(key.keyId, key.secret)],
    ['Basic with the whole key as password', basic('anybody', text)],
    ['the same key in both headers', { 'X-API-Key': text, Authorization: `Bearer ${text}` }],
  ])('given as %s', async (_name, headers) => {
    const { get } = await guarded([record])
    const { status, caller, actor } = await get({ ...headers, 'User-Agent': 'agent/1', 'X-Request-Id': 'request-0001' })
    expect({ status, caller, actor }).toEqual({
      status: 200,
      caller: { tenantId: 'acme', clientId: 'mailer', keyId: key.keyId, roles: ['agent'], mayReadRefreshTokens: false },
      actor: {
        tenantId: 'acme',
        clientId: 'mailer',
        keyId: key.keyId,
        requestId: 'request-0001',
        ipAddress: '127.0.0.1',
        userAgent: 'agent/1',
      },
    })
  })

  test('a key of the environment is the operator of the default tenant, named by a digest (fault 7)', async () => {
    const { get, lookups } = await guarded([])
    const { caller } = await get({ 'X-API-Key': operatorKey })
    expect(caller).toEqual({
      tenantId: 'default',
      clientId: 'operator',
      keyId: `env_${digestOfSecret(operatorKey).toString('hex').slice(0, 8)}`,
      roles: ['agent', 'admin', 'gateway'],
      mayReadRefreshTokens: false,
    })
    expect(lookups).toEqual([])
  })
})

describe('refusals', () => {
  test('no key is 401 missing_api_key, and an empty header is no key', async () => {
    const { get } = await guarded([])
    for (const headers of [{}, { 'X-API-Key': ' ' }])
      expect(await get(headers)).toMatchObject({ status: 401, error: 'missing_api_key' })
  })

  test('unknown, wrong, expired and revoked keys get one answer after the same lookup (fault 7)', async () => {
    const good = keyWith({})
    const expired = keyWith({ expiresAt: now })
    const revoked = keyWith({ isRevoked: true })
    const { get, lookups } = await guarded([good.record, expired.record, revoked.record])
    const wrong = formatApiKey({ keyId: good.key.keyId, secret: newApiKey().secret })
    const unknown = formatApiKey(newApiKey())
    const answers = []
    for (const text of [wrong, unknown, expired.text, revoked.text]) answers.push(await get({ 'X-API-Key': text }))
    expect(new Set(answers.map((each) => JSON.stringify(each))).size).toBe(1)
    expect(answers[0]).toMatchObject({ status: 403, error: 'invalid_api_key' })
    expect(lookups).toHaveLength(4)
  })

  test('a key that expires later still works', async () => {
    const { record, text } = keyWith({ expiresAt: new Date(now.getTime() + 1) })
    const { get } = await guarded([record])
    expect(await get({ 'X-API-Key': text })).toMatchObject({ status: 200 })
  })

  test('a key in the query string is refused even when a good one is in the header (A63)', async () => {
    const { record, text } = keyWith({})
    const { get } = await guarded([record])
    for (const name of ['api_key', 'X-API-Key', 'access_token'])
      expect(await get({ 'X-API-Key': text }, `?${name}=${text}`)).toMatchObject({
        status: 400,
        error: 'invalid_request',
      })
  })

  test.each([['Digest abc'], ['Bearer'], ['Bearer a b'], ['Negotiate']])(
    'Authorization: %s is no credential',
    async (value) => {
      const { get } = await guarded([])
      expect(await get({ Authorization: value })).toMatchObject({ status: 400, error: 'invalid_request' })
    },
  )

  test('a refusal is reported with the public half of the key and never the secret', async () => {
    const { get, events } = await guarded([])
    const stranger = newApiKey()
    await get({ Authorization: `Bearer ${formatApiKey(stranger)}` })
    await get()
    expect(events.map(({ type, data }) => ({ type, data }))).toEqual([
      { type: 'access_refused', data: { reason: 'invalid_api_key', presented_key_id: stranger.keyId } },
      { type: 'access_refused', data: { reason: 'missing_api_key' } },
    ])
    expect(JSON.stringify(events)).not.toContain(stranger.secret)
  })

  test('without REQUIRE_API_KEY a caller without a key is anonymous, but a wrong key is still wrong', async () => {
    const { get } = await guarded([], { requireApiKey: false })
    expect(await get()).toMatchObject({ status: 200, caller: { clientId: 'anonymous', roles: ['agent', 'admin'] } })
    expect(await get({ 'X-API-Key': 'nonsense' })).toMatchObject({ status: 403, error: 'invalid_api_key' })
  })
})

describe('a gateway speaks for its callers', () => {
  const gateway = keyWith({ clientId: 'gateway', tenantId: 'default', roles: ['gateway'] })
  const agent = keyWith({})
  const both = { 'X-API-Key': gateway.text, Authorization: `Bearer ${agent.text}` }

  test('the caller is who the key in Authorization belongs to, with its own rights only (fault 4)', async () => {
    const { get } = await guarded([gateway.record, agent.record])
    expect(await get(both)).toMatchObject({ caller: { clientId: 'mailer', tenantId: 'acme', roles: ['agent'] } })
  })

  test('the audit gets the address the gateway forwards, not the gateway itself (fault 67)', async () => {
    const { get } = await guarded([gateway.record, agent.record])
    const { actor } = await get({ ...both, 'X-Forwarded-For': '203.0.113.7' })
    expect(actor).toMatchObject({ ipAddress: '203.0.113.7' })
  })

  test('nobody else is believed about an address (fault 67)', async () => {
    const { get } = await guarded([gateway.record, agent.record])
    const spoof = { 'X-Forwarded-For': '203.0.113.7', 'X-Real-IP': '203.0.113.7', 'True-Client-IP': '203.0.113.7' }
    expect(await get({ 'X-API-Key': agent.text, ...spoof })).toMatchObject({ actor: { ipAddress: '127.0.0.1' } })
  })

  test('a wrong key of the caller or of the gateway is refused', async () => {
    const { get } = await guarded([gateway.record, agent.record])
    const wrong = formatApiKey(newApiKey())
    expect(await get({ ...both, Authorization: `Bearer ${wrong}` })).toMatchObject({ status: 403 })
    expect(await get({ ...both, 'X-API-Key': wrong })).toMatchObject({ status: 403 })
  })

  test('who is no gateway may not show a second key', async () => {
    const other = keyWith({ clientId: 'other' })
    const { get } = await guarded([agent.record, other.record])
    const two = { 'X-API-Key': other.text, Authorization: `Bearer ${agent.text}` }
    expect(await get(two)).toMatchObject({ status: 400, error: 'invalid_request' })
  })
})

describe('the network allowlist', () => {
  const { record, text } = keyWith({})
  const key = { 'X-API-Key': text }

  test.each<[string, Record<string, string>]>([
    ['no header', {}],
    ['an allowed address in X-Forwarded-For', { 'X-Forwarded-For': '198.51.100.9' }],
    ['a list of them', { 'X-Forwarded-For': '198.51.100.9, 198.51.100.10' }],
    ['no address at all', { 'X-Forwarded-For': 'unknown', 'X-Real-IP': '8.8.8.8' }],
    ['Forwarded', { Forwarded: 'for=198.51.100.9' }],
    ['a thousand of them', { 'X-Forwarded-For': Array.from({ length: 1_000 }, () => '198.51.100.9').join() }],
    ['a port', { 'X-Forwarded-For': '198.51.100.9:443' }],
    ['IPv6-mapped', { 'X-Forwarded-For': '::ffff:198.51.100.9', 'X-Real-IP': '[::ffff:198.51.100.9]:443' }],
    ['the names other servers use', { 'CF-Connecting-IP': '198.51.100.9', 'X-Client-IP': '198.51.100.9' }],
  ])('a caller outside stays outside, with %s (fault 6) (A61)', async (_name, headers) => {
    const { get } = await guarded([record], { allowedCidrs: ['198.51.100.0/24'] })
    expect(await get({ ...key, ...headers })).toMatchObject({ status: 403, error: 'access_denied' })
  })

  test('behind a trusted proxy the right-most untrusted hop counts (fault 6) (A61)', async () => {
    const { get } = await guarded([record], {
      allowedCidrs: ['198.51.100.0/24'],
      trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'],
    })
    const hops = (text: string) => get({ ...key, 'X-Forwarded-For': text })
    expect(await hops('192.0.2.1, 198.51.100.9, 10.1.2.3')).toMatchObject({
      status: 200,
      actor: { ipAddress: '198.51.100.9' },
    })
    expect(await hops('198.51.100.9, 192.0.2.1, 10.1.2.3')).toMatchObject({ status: 403 })
    expect(await hops('198.51.100.9, unknown')).toMatchObject({ status: 403 })
    expect(await hops('192.0.2.1, [::ffff:198.51.100.9]:443')).toMatchObject({ status: 200 })
    const thousand = (first: string) => hops([first, ...Array.from({ length: 999 }, () => '10.1.2.3')].join())
    expect(await thousand('198.51.100.9')).toMatchObject({ status: 200 })
    expect(await thousand('192.0.2.1')).toMatchObject({ status: 403 })
  })

  test('a trusted proxy that stands in an allowed network does not lend its address to callers it hides (A61)', async () => {
    const networks = ['127.0.0.0/8']
    const { get } = await guarded([record], { allowedCidrs: networks, trustedProxies: networks })
    expect(await get(key)).toMatchObject({ status: 200 })
    for (const hop of ['unknown', '_hidden', '192.0.2.1', '192.0.2.1:443', '[2001:db8::5]:443', 'garbage', '127.0.0.1, unknown'])
      expect(await get({ ...key, 'X-Forwarded-For': hop })).toMatchObject({ status: 403, error: 'access_denied' })
  }) // prettier-ignore

  test('an outsider learns nothing about keys', async () => {
    const { get, lookups } = await guarded([record], { allowedCidrs: ['198.51.100.0/24'] })
    expect([(await get()).status, (await get(key)).status, (await get({ 'X-API-Key': 'nonsense' })).status]).toEqual([
      403, 403, 403,
    ])
    expect(lookups).toEqual([])
  })

  test('an IPv4 caller that a dual-stack socket shows as ::ffff:127.0.0.1 matches an IPv4 network', async () => {
    const { get } = await guarded([record], { allowedCidrs: ['127.0.0.1/32'], trustedProxies: ['127.0.0.1'] })
    expect(await get({ ...key, 'X-Forwarded-For': '::ffff:127.0.0.1' })).toMatchObject({ status: 200 })
  })
})
