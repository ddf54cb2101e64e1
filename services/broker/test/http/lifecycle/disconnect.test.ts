import { createServer, type Server } from 'node:http'
import { afterEach, describe, expect, test } from '@jest/globals'
import { askForConsent, connected, readTokenOf, refreshOf } from '../../harness/person.js'
import { startTestBroker, type TestBroker } from '../../harness/test-broker.js'
import { eventually } from '../../postgres/eventually.js'
import { disconnect, look, startRevocableBroker } from './steps.js'

let broker: TestBroker
let endpoint: Server | undefined
afterEach(async () => {
  await broker.close()
  endpoint?.closeAllConnections()
  endpoint?.close()
  endpoint = undefined
})

const stored = (id: string) =>
  broker.query(
    `select sealed_credentials, (select count(*)::int from credential_orphans o where o.connection_id = c.id) as orphans
     from connections c where id = $1`,
    [id],
  )
const nothing = [{ sealed_credentials: null, orphans: 0 }]
const eventsOf = async (id: string) =>
  (
    await broker.query<{ event_type: string }>('select event_type from audit_events where connection_id = $1', [id])
  ).map(({ event_type }) => event_type)
// Again and again: a try that is under way writes its own next time when it ends.
const makeDueUntil = (id: string, condition: () => Promise<boolean>) =>
  eventually(async () => {
    await broker.query('update connections set revoke_after = now() where id = $1 and revoke_after is not null', [id])
    return condition()
  })
const isRevoked = (id: string) => makeDueUntil(id, async () => (await look(broker, id)).status === 'revoked')

/** A revocation endpoint of our own: answers with these statuses in turn, the last one for ever. */
async function startEndpoint(statuses: number[], headers: Record<string, string> = {}) {
  const seen: { method: string; authorization: string | undefined; body: string }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      seen.push({ method: request.method ?? '', authorization: request.headers.authorization, body })
      response.writeHead((statuses.length > 1 ? statuses.shift() : statuses[0]) ?? 200, headers).end()
    })
  })
  endpoint = server
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  return { seen, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/revoke` }
}

describe('a disconnect', () => {
  test('is never served again, revoked at the provider, and nothing that could be opened stays', async () => {
    broker = await startRevocableBroker()
    const id = await connected(broker)
    expect((await disconnect(broker, id)).body).toMatchObject({
      connection_id: id,
      status: 'revoked',
      reason: 'disconnected',
      revocation: 'revoked',
      detail: expect.stringContaining('/reconnect'),
    })
    expect(await readTokenOf(broker, id)).toMatchObject({ status: 403, body: { code: 'connection_not_active' } })
    expect(await refreshOf(broker, id)).toMatchObject({ status: 403, body: { code: 'connection_not_active' } })
    const [call] = broker.provider.journal('revocation')
    expect(call?.form).toMatchObject({ token_type_hint: 'refresh_token' })
    expect(broker.provider.oracle().families).toMatchObject([{ alive: false }])
    expect(await stored(id)).toEqual(nothing)
    expect(await eventsOf(id)).toEqual(expect.arrayContaining(['connection.disconnected', 'connection.revoked']))
  })

  test('repeated, also in parallel, calls the provider once and answers the same', async () => {
    broker = await startRevocableBroker()
    const id = await connected(broker)
    await Promise.all(Array.from({ length: 10 }, () => disconnect(broker, id)))
    expect((await disconnect(broker, id)).body).toMatchObject({ status: 'revoked', revocation: 'revoked' })
    expect(broker.provider.journal('revocation')).toHaveLength(1)
    expect((await eventsOf(id)).filter((type) => type === 'connection.disconnected')).toHaveLength(1)
  })

  test('of a connection nobody consented to needs no provider, and its link is dead', async () => {
    broker = await startRevocableBroker()
    const { connection_id: id, authUrl } = await askForConsent(broker)
    expect((await disconnect(broker, id)).body).toMatchObject({ status: 'revoked', revocation: 'not_needed' })
    const answer = await broker.call('GET', new URL(authUrl).pathname, { key: null })
    expect(answer).toMatchObject({ status: 409, body: { code: 'consent_already_used' } })
  })

  test.each(['before-rotate', 'after-rotate'] as const)(
    'during a refresh held %s cannot be undone by its answer, and that answer is revoked too',
    async (point) => {
      broker = await startRevocableBroker()
      const id = await connected(broker)
      const hold = broker.provider.hold(point)
      const refreshing = refreshOf(broker, id)
      await hold.reached
      expect((await disconnect(broker, id)).body).toMatchObject({ status: 'revoking' })
      expect((await readTokenOf(broker, id)).status).toBe(403)
      hold.release()
      expect((await refreshing).status).toBe(403)
      expect((await readTokenOf(broker, id)).status).toBe(403)
      await broker.query(`update connections set lease_until = now() where id = $1`, [id])
      await isRevoked(id)
      expect(broker.provider.oracle().families).toMatchObject([{ alive: false }])
      const current = broker.provider.oracle().families[0]?.currentRefreshToken
      const revoked = broker.provider.journal('revocation').map(({ form }) => form.token)
      if (point === 'after-rotate') expect(revoked).toContain(current)
      expect(await stored(id)).toEqual(nothing)
    },
  )

  test('whose provider is away is tried again behind, as the provider asks, and ends', async () => {
    const { seen, url } = await startEndpoint([503, 200], { 'retry-after': '60' })
    broker = await startRevocableBroker({ profile: { revocation: { url } } })
    const id = await connected(broker)
    expect((await disconnect(broker, id)).body).toMatchObject({ status: 'revoking', revocation: null })
    const [row] = await broker.query<{ wait: number }>(
      'select extract(epoch from revoke_after - now())::int as wait from connections where id = $1',
      [id],
    )
    expect(row?.wait).toBeGreaterThan(50)
    expect(await broker.call('POST', `/connections/${id}/reconnect`, { body: {} })).toMatchObject({
      status: 409,
      body: { code: 'disconnect_in_progress' },
    })
    await isRevoked(id)
    expect(seen).toHaveLength(2)
    expect(await stored(id)).toEqual(nothing)
  })

  test('that the provider never accepts is given up after eight tries, recorded, and destroyed all the same', async () => {
    const { seen, url } = await startEndpoint([503])
    broker = await startRevocableBroker({ profile: { revocation: { url } } })
    const id = await connected(broker)
    await disconnect(broker, id)
    // five more tries that failed like the first, without waiting for each
    await broker.query('update connections set revoke_attempts = 6 where id = $1 and revoke_attempts = 1', [id])
    await isRevoked(id)
    expect(await look(broker, id)).toMatchObject({ revocation: 'revocation_failed' })
    expect(seen).toHaveLength(3)
    expect(await stored(id)).toEqual(nothing)
  })

  test('at a provider without revocation is ours alone', async () => {
    broker = await startTestBroker()
    const id = await connected(broker)
    expect((await disconnect(broker, id)).body).toMatchObject({ status: 'revoked', revocation: 'unsupported' })
    expect(await stored(id)).toEqual(nothing)
  })

  test('speaks the style of the provider: the token as bearer', async () => {
    const { seen, url } = await startEndpoint([401])
    broker = await startRevocableBroker({
      profile: { revocation: { url, style: 'bearer_post', token: 'access_token' } },
    })
    const id = await connected(broker)
    const token = (await readTokenOf(broker, id)).body.access_token
    expect((await disconnect(broker, id)).body).toMatchObject({ revocation: 'revoked' })
    expect(seen).toEqual([{ method: 'POST', authorization: `Bearer ${String(token)}`, body: '' }])
  })

  test('speaks the style of the provider: DELETE by the client', async () => {
    const { seen, url } = await startEndpoint([204])
    broker = await startRevocableBroker({
      profile: { revocation: { url, style: 'basic_delete', token: 'access_token' } },
    })
    const id = await connected(broker)
    const token = (await readTokenOf(broker, id)).body.access_token
    expect((await disconnect(broker, id)).body).toMatchObject({ revocation: 'revoked' })
    expect(seen).toMatchObject([{ method: 'DELETE', body: JSON.stringify({ access_token: token }) }])
    expect(seen[0]?.authorization).toMatch(/^Basic /)
  })
})

test('another tenant finds none of these routes', async () => {
  broker = await startRevocableBroker()
  const id = await connected(broker)
  await broker.query(`insert into tenants (id, name) values ('elsewhere', 'elsewhere')`)
  const moved = `cn_${'7'.repeat(32)}`
  await broker.query(
    `insert into connections (tenant_id, id, workspace_id, provider_id, created_by)
     values ('elsewhere', $1, 'user-1', $2, 'operator')`,
    [moved, broker.providerId],
  )
  const refused = await Promise.all([
    broker.call('GET', `/connections/${moved}`),
    broker.call('DELETE', `/connections/${moved}`),
    broker.call('POST', `/connections/${moved}/reconnect`, { body: {} }),
    broker.call('POST', `/connections/${moved}/step-up`, { body: { scopes: ['x'] } }),
  ])
  expect(refused.map(({ status, body }) => [status, body.code])).toEqual(
    refused.map(() => [404, 'connection_not_found']),
  )
  const { data } = (await broker.call('GET', '/connections')).body as unknown as { data: { connection_id: string }[] }
  expect(data.map((each) => each.connection_id)).toEqual([id])
  expect(await broker.query('select status from connections where id = $1', [moved])).toEqual([{ status: 'pending' }])
})
