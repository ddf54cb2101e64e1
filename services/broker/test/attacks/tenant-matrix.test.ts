import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { completeWith, heldConsent, newProof } from '../harness/completion.js'
import { askForConsent, connected } from '../harness/person.js'
import type { Answer } from '../harness/request.js'
import { keyFor } from '../harness/tenants.js'
import { returnUrl, startTestBroker, type TestBroker } from '../harness/test-broker.js'
import { disconnect, look } from '../http/lifecycle/steps.js'
import { operations } from '../openapi-document.js'

// Owns the claim that tenants are alone: every route of openapi.yaml, every kind of connection, a key of another tenant.
// A new route has to say in `rows` what it is about.

/**
 * connection    names a connection: a foreign one is answered as one that does not exist
 * listing       answers what belongs to the caller's tenant
 * own           makes something in the caller's tenant and names nothing of another
 * installation  about providers, which no tenant owns: roles decide (A82)
 * browser       the link, the state and the cookie decide: flow-integrity.test.ts
 * public        made to be read by strangers: public keys
 * probe         holds nothing of anybody
 */
type Kind = 'connection' | 'listing' | 'own' | 'installation' | 'browser' | 'public' | 'probe'

const rows: Readonly<Record<string, Kind>> = {
  'POST /auth/consent-spec': 'own',
  'GET /auth/start/{link}': 'browser',
  'GET /auth/connect/{ticket}': 'browser',
  'POST /auth/connect/{ticket}': 'browser',
  'GET /auth/callback': 'browser',
  'GET /auth/callback/{provider}': 'browser',
  'GET /auth/jwks/{provider_id}': 'public',
  'GET /auth/capture-schema': 'browser',
  'POST /auth/capture-credential': 'browser',
  'GET /connections': 'listing',
  'GET /connections/{connection_id}': 'connection',
  'PATCH /connections/{connection_id}': 'connection',
  'DELETE /connections/{connection_id}': 'connection',
  'POST /connections/{connection_id}/complete': 'connection',
  'POST /connections/{connection_id}/dpop-proof': 'connection',
  'POST /connections/{connection_id}/reconnect': 'connection',
  'POST /connections/{connection_id}/step-up': 'connection',
  'GET /connections/{connection_id}/status': 'connection',
  'GET /connections/{connection_id}/token': 'connection',
  'POST /connections/{connection_id}/refresh': 'connection',
  'POST /providers': 'installation',
  'GET /providers': 'installation',
  'GET /providers/metadata': 'installation',
  'GET /providers/by-name/{name}': 'installation',
  'DELETE /providers/by-name/{name}': 'installation',
  'GET /providers/{provider_id}': 'installation',
  'PUT /providers/{provider_id}': 'installation',
  'PATCH /providers/{provider_id}': 'installation',
  'DELETE /providers/{provider_id}': 'installation',
  'GET /audit': 'listing',
  'GET /health': 'probe',
  'GET /healthz': 'probe',
  'GET /readyz': 'probe',
  'GET /metrics': 'probe',
}

const bodies: Readonly<Record<string, object>> = {
  complete: { connect_code: 'x'.repeat(43), user_id: 'user-1', completion_verifier: newProof().verifier },
  reconnect: { return_url: returnUrl },
  'step-up': { scopes: ['openid'], return_url: returnUrl },
  refresh: {},
  'dpop-proof': { method: 'GET', url: 'https://api.example/things' },
  update: { refresh_schedule: 'on_demand' },
}

let broker: TestBroker
let strangerKey: string
const objects: Record<string, string> = {}
const held = { code: '', verifier: '' }
beforeAll(async () => {
  broker = await startTestBroker({ endpoints: 'discovery' })
  strangerKey = await keyFor(broker, 'strangers', ['agent', 'admin'])
  objects.active = await connected(broker)
  objects.pending = (await askForConsent(broker)).connection_id
  objects.attention = await connected(broker, { userId: 'user-2' })
  await broker.query(`update connections set status = 'attention', reason = 'revoked' where id = $1`, [
    objects.attention,
  ])
  objects.failed = (await askForConsent(broker)).connection_id
  await broker.query(`update connections set status = 'failed', reason = 'access_denied' where id = $1`, [
    objects.failed,
  ])
  objects.revoked = await connected(broker, { userId: 'user-3' })
  await disconnect(broker, objects.revoked)
  const waiting = await heldConsent(broker)
  objects.held = waiting.id
  Object.assign(held, { code: waiting.code, verifier: waiting.proof.verifier })
})
afterAll(() => broker.close())

test('every route says what it is about (A65)', () => {
  expect(Object.keys(rows).sort()).toEqual(operations.map(({ name }) => name).sort())
  const named = Object.keys(rows).filter((name) => name.includes('{connection_id}'))
  expect(Object.entries(rows).flatMap(([name, kind]) => (kind === 'connection' ? [name] : []))).toEqual(named)
})

const unknownId = `cn_${'0'.repeat(32)}`
const send = (name: string, id: string, key: string): Promise<Answer> => {
  const [method = '', path = ''] = name.split(' ')
  const verb = method === 'PATCH' ? 'update' : (path.split('/').pop() ?? '')
  const body = verb === 'complete' ? { ...bodies.complete, connect_code: held.code, completion_verifier: held.verifier } : bodies[verb]
  return broker.call(method, path.replace('{connection_id}', id), { key, ...(body === undefined ? {} : { body }) })
} // prettier-ignore

/** All that a stranger sees, without what is of the moment. */
function seen({ status, headers, body }: Answer) {
  const { 'x-request-id': _id, date: _date, ...rest } = Object.fromEntries(headers)
  return { status, headers: rest, body: { ...body, request_id: 'of the moment' } }
}

const about = (kind: Kind): string[] => Object.keys(rows).filter((name) => rows[name] === kind)
const states = ['active', 'pending', 'attention', 'failed', 'revoked', 'held']
const matrix = about('connection').flatMap((name) => states.map((state): [string, string] => [name, state]))

describe('a key of another tenant', () => {
  test.each(matrix)('at %s learns of a connection that is %s what it learns of none (A64) (A65)', async (name, state) => {
    const id = objects[state] ?? ''
    const before = await look(broker, id)
    const [foreign, unknown] = [await send(name, id, strangerKey), await send(name, unknownId, strangerKey)]
    expect(foreign).toMatchObject({ status: 404, body: { code: 'connection_not_found' } })
    expect(seen(foreign)).toEqual(seen(unknown))
    expect(await look(broker, id)).toEqual(before)
  }) // prettier-ignore

  test('is listed nothing of others, by no filter and no cursor (A65)', async () => {
    const mine = async (query: string) => (await broker.call('GET', `/connections${query}`, { key: strangerKey })).body
    for (const query of ['', '?user_id=user-1', '?status=active', `?provider_id=${broker.providerId}`])
      expect(await mine(query)).toEqual({ data: [], next_cursor: null, has_more: false })
    const [foreign, unknown] = [await mine(`?cursor=${objects.active}`), await mine(`?cursor=${unknownId}`)]
    expect({ ...foreign, request_id: '' }).toEqual({ ...unknown, request_id: '' })
    const audit = await broker.call('GET', `/audit?limit=1000`, { key: strangerKey })
    for (const id of Object.values(objects)) {
      const ofConnection = await broker.call('GET', `/audit?connection_id=${id}`, { key: strangerKey })
      const tenants = await broker.query(
        `select 1 from audit_events where connection_id = $1 and tenant_id = 'strangers' and event_type <> 'connection_not_found'
           and event_type <> 'token_retrieval_failed'`,
        [id],
      )
      expect(tenants).toEqual([])
      expect(ofConnection.text).not.toContain('connection.created')
    }
    expect(audit.text).not.toContain('connection.created')
  })

  test('does not get the answer another tenant got under the same idempotency key (A83)', async () => {
    const body = { workspace_id: 'user-1', provider_id: broker.providerId, return_url: returnUrl }
    const ask = (key?: string) =>
      broker.call('POST', '/auth/consent-spec', {
        body,
        headers: { 'idempotency-key': 'one-key-for-two' },
        ...(key === undefined ? {} : { key }),
      })
    const [own, again, foreign] = [await ask(), await ask(), await ask(strangerKey)]
    expect(again.body).toEqual(own.body)
    expect(foreign.status).toBe(200)
    expect(foreign.headers.get('idempotent-replayed')).toBeNull()
    expect(foreign.body.connection_id).not.toBe(own.body.connection_id)
    // another client of the same tenant is another scope, too
    const sibling = await ask(await keyFor(broker, 'default'))
    expect(sibling.headers.get('idempotent-replayed')).toBeNull()
  })
})

test('a row that reached another tenant all the same opens nothing there: its ciphertext is of its own tenant (A65)', async () => {
  const id = await connected(broker, { userId: 'user-9' })
  // What a query without its tenant would hand over.
  await broker.query(`delete from authorization_requests where connection_id = $1`, [id])
  await broker.query(`update connections set tenant_id = 'strangers' where id = $1`, [id])
  const answer = await broker.call('GET', `/connections/${id}/token`, { key: strangerKey })
  expect(answer).toMatchObject({ status: 500, body: { code: 'integrity_error' } })
})

describe('a gateway', () => {
  test('has no right of its own over any connection: what its caller may, it may (A66)', async () => {
    const gatewayKey = await keyFor(broker, 'default', ['gateway'])
    for (const name of about('connection')) {
      const alone = await send(name, objects.active ?? '', gatewayKey)
      expect([name, alone.status, alone.body.code]).toEqual([name, 403, 'access_denied'])
    }
    const headers = { authorization: `Bearer ${strangerKey}` }
    const forStranger = await broker.call('GET', `/connections/${objects.active}/token`, { key: gatewayKey, headers })
    expect(forStranger).toMatchObject({ status: 404, body: { code: 'connection_not_found' } })
  })

  test('that is none may not speak for others (A66)', async () => {
    const agentKey = await keyFor(broker, 'default')
    const headers = { authorization: `Bearer ${strangerKey}` }
    const answer = await broker.call('GET', '/connections', { key: agentKey, headers })
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } })
  })
})

describe('the roles', () => {
  test.each(about('installation').filter((name) => !/metadata/.test(name)))(
    '%s is not for an agent’s key (A82)',
    async (name) => {
      const [method = '', path = ''] = name.split(' ')
      const key = await keyFor(broker, `agents-${method.toLowerCase()}`)
      const target = path.replace('{provider_id}', broker.providerId).replace('{name}', 'acme')
      const body = { profile: { name: 'mine', auth_type: 'api_key' } }
      const answer = await broker.call(method, target, { key, ...(/P/.test(method[0] ?? '') ? { body } : {}) })
      expect([answer.status, answer.body.code]).toEqual([403, 'access_denied'])
    },
  ) // prettier-ignore

  test('the held consent was not touched by any of it: its own tenant completes it (A65)', async () => {
    // Its code lives a minute; the matrix may have taken longer.
    await broker.query(`update authorization_requests set connect_code_expires_at = now() + interval '1 minute'
                        where connection_id = $1`, [objects.held]) // prettier-ignore
    const mine = { id: objects.held ?? '', code: held.code, proof: { verifier: held.verifier, challenge: '' } }
    expect((await completeWith(broker, mine)).status).toBe(200)
  })
})
