import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { startManagement, type Management } from './management.js'

let broker: Management
beforeAll(async () => {
  broker = await startManagement()
})
afterAll(() => broker.close())
beforeEach(() => broker.query('truncate provider_profiles cascade'))

const secret = 'cs-canary-0123456789'
const open = {
  name: 'acme',
  auth_type: 'oauth2',
  client_id: 'dromos',
  auth_url: 'https://acme.example/authorize',
  token_url: 'https://acme.example/token',
  issuer: 'https://acme.example',
  scopes: ['a', 'b'],
  description: 'Acme',
}
const acme = { ...open, client_secret: secret }

async function registered(change: Record<string, unknown> = {}): Promise<string> {
  const answer = await broker.call('POST', '/providers', { body: { profile: { ...acme, ...change } } })
  if (answer.status !== 201) throw new Error(`not registered: ${answer.text}`)
  return String(answer.body.id)
}

const read = async (id: string) => (await broker.call('GET', `/providers/${id}`)).body
const eventsOf = async (type: string) =>
  (
    await broker.query<{ event_data: unknown }>(
      'select event_data from audit_events where event_type = $1 order by id desc limit 1',
      [type],
    )
  )[0]?.event_data
const sealedSecrets = async (id: string) =>
  (
    await broker.query<{ sealed_secrets: Buffer | null }>(
      'select sealed_secrets from provider_profiles where id = $1',
      [id],
    )
  )[0]?.sealed_secrets

describe('registration', () => {
  test('answers 201 with the id, and the event names the provider only', async () => {
    const answer = await broker.call('POST', '/providers', { body: { profile: acme } })
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 201,
      body: { id: expect.stringMatching(/^[0-9a-f-]{36}$/), message: 'Provider created' },
    })
    expect(await eventsOf('provider.created')).toEqual({ provider_id: answer.body.id, name: 'acme' })
  })

  test('the client secret lies in the database sealed and nowhere in clear (fault 46)', async () => {
    const id = await registered()
    expect(await sealedSecrets(id)).toBeInstanceOf(Buffer)
    const [row] = await broker.query<{ text: string }>(
      `select string_agg(p::text, '') || (select string_agg(a::text, '') from audit_events a) as text from provider_profiles p`,
    )
    expect(row?.text).toContain('acme.example')
    expect(row?.text).not.toContain(secret)
    expect(row?.text).not.toContain(Buffer.from(secret).toString('hex'))
  })

  test.each<[string, unknown, number, string]>([
    ['no profile', { name: 'x' }, 400, 'missing_profile'],
    ['no body', undefined, 400, 'missing_profile'],
    ['broken JSON', '{"profile":', 400, 'invalid_json'],
    ['a bad name', { profile: { ...acme, name: 'Not Good' } }, 400, 'invalid_provider_name'],
    ['a missing field', { profile: { ...acme, token_url: undefined } }, 400, 'invalid_provider'],
    ['an unknown field', { profile: { ...acme, tokenUrl: 'https://x.example' } }, 400, 'invalid_provider'],
    ['a reserved parameter', { profile: { ...acme, authorize_params: { state: 'x' } } }, 400, 'invalid_provider'],
    [
      'a plain http endpoint',
      { profile: { ...acme, token_url: 'http://acme.example/token' } },
      400,
      'invalid_provider',
    ],
  ])('%s is refused as JSON with a code of ours (fault 75)', async (_name, body, status, code) => {
    const answer = await broker.call('POST', '/providers', { body })
    expect({ status: answer.status, code: answer.body.code, type: answer.headers.get('content-type') }).toEqual({
      status,
      code,
      type: expect.stringContaining('application/json'),
    })
    expect(answer.text).not.toContain(secret)
  })

  test('a taken name is a conflict, not a bad request (fault 75)', async () => {
    await registered()
    const answer = await broker.call('POST', '/providers', { body: { profile: acme } })
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 409, code: 'provider_exists' })
  })
})

describe('reading', () => {
  test('gives the profile and its version, never a secret (fault 2) (A81)', async () => {
    const id = await registered()
    const answer = await broker.call('GET', `/providers/${id}`)
    expect(answer.body).toStrictEqual({
      ...open,
      id,
      client_secret_set: true,
      version: 1,
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
      updated_at: expect.stringMatching(/^\d{4}-.*Z$/),
    })
    expect(answer.headers.get('etag')).toBe('"1"')
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  test('lists newest first in pages that link on, and an empty list is [] (fault 70)', async () => {
    expect((await broker.call('GET', '/providers')).text).toBe('[]')
    const ids = []
    for (const name of ['a', 'b', 'c', 'd', 'e']) ids.unshift(await registered({ name }))
    const seen: string[] = []
    let path = '/providers?limit=2'
    for (let page = 0; page < 5 && path !== ''; page++) {
      const answer = await broker.call('GET', path)
      const items = JSON.parse(answer.text) as { id: string; name: string }[]
      seen.push(...items.map((item) => item.id))
      path = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1] ?? ''
    }
    expect(seen).toEqual(ids)
    expect(JSON.parse((await broker.call('GET', '/providers')).text)[0]).toEqual({ id: ids[0], name: 'e' })
  })

  test.each([['limit=0'], ['limit=201'], ['limit=x'], ['limit=1&limit=2']])('?%s is refused', async (query) => {
    expect((await broker.call('GET', `/providers?${query}`)).body.code).toBe('invalid_request')
  })

  test('a cursor of nothing is refused', async () => {
    expect((await broker.call('GET', '/providers?cursor=1')).body.code).toBe('invalid_cursor')
  })

  test('the metadata map has the v1 shape', async () => {
    const id = await registered({ api_base_url: 'https://api.acme.example' })
    const expected = {
      id,
      api_base_url: 'https://api.acme.example',
      user_info_endpoint: '',
      scopes: ['a', 'b'],
      description: 'Acme',
      category: '',
    }
    expect((await broker.call('GET', '/providers/metadata')).body).toEqual({ oauth2: { acme: expected } })
  })

  test('by name finds whatever the case', async () => {
    const id = await registered()
    expect((await broker.call('GET', '/providers/by-name/ACME')).body).toEqual({ id })
    expect((await broker.call('GET', '/providers/by-name/acm%25')).body.code).toBe('provider_not_found')
  })
})

describe('PUT', () => {
  test('what was read can be written back: nothing is lost, the secret is kept (faults 56 and 69)', async () => {
    const id = await registered()
    const before = await read(id)
    const answer = await broker.call('PUT', `/providers/${id}`, { body: before })
    expect({ status: answer.status, body: answer.body, etag: answer.headers.get('etag') }).toEqual({
      status: 200,
      body: { message: 'Provider updated', version: 2 },
      etag: '"2"',
    })
    expect(await read(id)).toEqual({ ...before, version: 2, updated_at: expect.any(String) })
    expect(await eventsOf('provider.updated')).toEqual({
      provider_id: id,
      name: 'acme',
      version: 2,
      changed_fields: [],
    })
  })

  test('validates like a registration (fault 69)', async () => {
    const id = await registered()
    const answer = await broker.call('PUT', `/providers/${id}`, { body: { name: 'acme', auth_type: 'oauth2' } })
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 400, code: 'invalid_provider' })
    expect(await read(id)).toMatchObject({ version: 1, token_url: acme.token_url })
  })

  test('null removes the secret, which then has to be unneeded', async () => {
    const id = await registered()
    const without = { ...(await read(id)), client_secret: null }
    expect((await broker.call('PUT', `/providers/${id}`, { body: without })).body.code).toBe('invalid_provider')
    const asPublic = await broker.call('PUT', `/providers/${id}`, { body: { ...without, client_auth: 'none' } })
    expect(asPublic.status).toBe(200)
    expect(await read(id)).toMatchObject({ client_secret_set: false })
    expect(await sealedSecrets(id)).toBeNull()
  })

  test('turning a provider into one of static credentials drops the client secret', async () => {
    const id = await registered()
    const body = { name: 'acme', auth_type: 'api_key' }
    expect((await broker.call('PUT', `/providers/${id}`, { body })).status).toBe(200)
    expect(await sealedSecrets(id)).toBeNull()
  })
})

describe('PATCH', () => {
  test('merges: members replace, null removes, the rest stays, names only in the event (fault 69)', async () => {
    const id = await registered({ params: { access_type: 'offline', audience: 'x' } })
    const body = { description: null, scopes: ['c'], params: { audience: null }, client_secret: 'another-canary' }
    expect((await broker.call('PATCH', `/providers/${id}`, { body })).status).toBe(200)
    const after = await read(id)
    expect(after).toMatchObject({
      scopes: ['c'],
      params: { access_type: 'offline' },
      issuer: acme.issuer,
      client_secret_set: true,
    })
    expect(after).not.toHaveProperty('description')
    expect(await eventsOf('provider.updated')).toEqual({
      provider_id: id,
      name: 'acme',
      version: 2,
      changed_fields: ['description', 'params', 'scopes', 'client_secret'],
    })
  })

  test("a v1 client's empty string clears a member, but never a secret", async () => {
    const id = await registered()
    expect((await broker.call('PATCH', `/providers/${id}`, { body: { description: '' } })).status).toBe(200)
    expect(await read(id)).not.toHaveProperty('description')
    expect((await broker.call('PATCH', `/providers/${id}`, { body: { client_secret: '' } })).body.code).toBe(
      'invalid_provider',
    )
  })

  test.each<[string, unknown]>([
    ['a bad name', { name: 'Not Good' }],
    ['a bad URL', { token_url: 'javascript:alert(1)' }],
    ['a wrong type', { scopes: 'a b' }],
    ['an unknown member', { owner: 'me' }],
    ['an array', []],
    ['a prototype', JSON.parse('{"__proto__":{"client_auth":"none"}}')],
  ])('refuses %s (fault 69)', async (_name, body) => {
    const id = await registered()
    expect((await broker.call('PATCH', `/providers/${id}`, { body })).status).toBe(400)
    expect(await read(id)).toMatchObject({ version: 1 })
  })

  test('a key replaced alone leaves the client secret as it is', async () => {
    const id = await registered({ client_private_key: { kty: 'EC', d: 'k1' } })
    await broker.call('PATCH', `/providers/${id}`, { body: { client_private_key: null } })
    expect(await read(id)).toMatchObject({ client_secret_set: true })
    await broker.call('PATCH', `/providers/${id}`, { body: { client_secret: null, client_auth: 'none' } })
    expect(await read(id)).toMatchObject({ client_secret_set: false })
  })
})

describe('changes at the same time', () => {
  test('If-Match of an old version is a conflict, of the current one it is not', async () => {
    const id = await registered()
    const patch = (tag: string, description: string) =>
      broker.call('PATCH', `/providers/${id}`, { body: { description }, headers: { 'If-Match': tag } })
    expect((await patch('"1"', 'one')).status).toBe(200)
    for (const tag of ['"1"', 'W/"2"', '"3", "4"'])
      expect((await patch(tag, 'two')).body).toMatchObject({ status: 409, code: 'provider_conflict' })
    expect((await patch('1', 'two')).body).toMatchObject({ code: 'invalid_request' })
    expect((await patch('"1", "2"', 'three')).status).toBe(200)
    const gone = await broker.call('DELETE', `/providers/${id}`, { headers: { 'If-Match': '"1"' } })
    expect(gone.status).toBe(409)
  })

  test('of ten parallel changes of one version no update is lost', async () => {
    const id = await registered()
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_each, index) =>
        broker.call('PATCH', `/providers/${id}`, {
          body: { description: `d${index}` },
          headers: { 'If-Match': '"1"' },
        }),
      ),
    )
    expect(answers.map((each) => each.status).sort()).toEqual([200, ...Array<number>(9).fill(409)])
    expect(await read(id)).toMatchObject({ version: 2, client_secret_set: true })
  })
})

describe('unknown and deleted ids', () => {
  test.each(['GET', 'PUT', 'PATCH', 'DELETE'])(
    '%s answers 404 and is audited as nothing (fault 69)',
    async (method) => {
      const [before] = await broker.query<{ n: string }>(
        `select count(*) as n from audit_events where event_type like 'provider.%'`,
      )
      const path = '/providers/11111111-2222-4333-8444-555555555555'
      const answer = await broker.call(method, path, ['PUT', 'PATCH'].includes(method) ? { body: { ...acme } } : {})
      expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 404, code: 'provider_not_found' })
      const [after] = await broker.query<{ n: string }>(
        `select count(*) as n from audit_events where event_type like 'provider.%'`,
      )
      expect(after).toEqual(before)
    },
  )

  test('what is no UUID is 400', async () => {
    expect((await broker.call('GET', '/providers/nonsense')).body.code).toBe('invalid_provider_id')
  })

  test('a deleted provider is gone and its name is free', async () => {
    const id = await registered()
    expect((await broker.call('DELETE', `/providers/${id}`)).body).toEqual({ message: 'Provider deleted' })
    expect((await broker.call('GET', `/providers/${id}`)).status).toBe(404)
    await registered()
    expect((await broker.call('DELETE', '/providers/by-name/acme')).body).toEqual({ message: 'Deleted 1 provider(s)' })
    expect((await broker.call('DELETE', '/providers/by-name/acme')).status).toBe(404)
  })
})

describe('roles (fault 2)', () => {
  test('agents see the metadata and nothing else, a bare gateway not even that (A82)', async () => {
    const id = await registered()
    const [agent, gateway] = [await broker.keyOf('acme', 'agent'), await broker.keyOf('default', 'gateway')]
    const routes: [string, string][] = [
      ['GET', '/providers'], ['POST', '/providers'], ['GET', '/providers/by-name/acme'], ['DELETE', '/providers/by-name/acme'],
      ['GET', `/providers/${id}`], ['PUT', `/providers/${id}`], ['PATCH', `/providers/${id}`], ['DELETE', `/providers/${id}`],
    ] // prettier-ignore
    for (const key of [agent, gateway])
      for (const [method, path] of routes) {
        const body = method === 'GET' ? {} : { body: { profile: { ...acme, name: 'other' } } }
        expect((await broker.call(method, path, { key, ...body })).body).toMatchObject({
          status: 403,
          code: 'access_denied',
        })
      }
    expect((await broker.call('GET', '/providers/metadata', { key: agent })).status).toBe(200)
    expect((await broker.call('GET', '/providers/metadata', { key: gateway })).status).toBe(403)
    expect(await read(id)).toMatchObject({ version: 1 })
  })

  test('another method is 405 with Allow', async () => {
    const answer = await broker.call('PUT', '/providers', { body: {} })
    expect({ status: answer.status, allow: answer.headers.get('allow') }).toEqual({ status: 405, allow: 'GET, POST' })
  })
})
