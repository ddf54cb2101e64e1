import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { examplesOf, membersOf, readOpenapi, type Members } from '../openapi-document.js'
import { documentedProblems } from './edges.js'
import { registerBound, returnUrl, startStack, type Stack } from './stack.js'

let stack: Stack
beforeAll(async () => {
  stack = await startStack()
  const profile = {
    name: 'acme-keys',
    auth_type: 'api_key',
    params: {
      credential_schema: {
        type: 'object',
        required: ['api_key'],
        properties: { api_key: { type: 'string', title: 'API key' } },
      },
    },
  }
  const { status, text } = await stack.broker.call('POST', '/providers', { body: { profile } })
  if (status !== 201) throw new Error(text)
  await registerBound(stack)
})
afterAll(() => stack.close())

async function call(method: string, path: string, body?: unknown) {
  return stack.browser.call(method, path, { key: stack.agentKey, ...(body === undefined ? {} : { body }) })
}

async function askForKey(): Promise<Record<'authUrl' | 'state' | 'connection_id', string>> {
  const body = { user_id: 'user-7', provider_name: 'acme-keys', return_url: `${returnUrl}?tab=2` }
  const { authUrl, state, connection_id } = (await call('POST', '/v1/request-connection', body)).body
  return { authUrl: String(authUrl), state: String(state), connection_id: String(connection_id) }
}

describe('static credentials', () => {
  test('come in through an application’s own form, and the answer is the documented one', async () => {
    const { state, connection_id } = await askForKey()
    const schema = await stack.browser.call('GET', `/v1/capture-schema?state=${state}`)
    expect(documentedProblems('GET', '/v1/capture-schema', schema.status, schema.body)).toEqual([])
    expect(schema.body).toMatchObject({ provider_name: 'acme-keys', schema: { required: ['api_key'] } })

    const body = { state, credentials: { api_key: 'k-123' } }
    const captured = await stack.browser.call('POST', '/v1/capture-credential', { body })
    expect(documentedProblems('POST', '/v1/capture-credential', captured.status, captured.body)).toEqual([])
    expect([captured.status, captured.body]).toMatchObject([200, { connection_id, status: 'success' }])
    expect(Object.fromEntries(new URL(String(captured.body.redirect_url)).searchParams)).toMatchObject({
      tab: '2',
      status: 'success',
      connection_id,
    })
    const token = await call('GET', `/v1/token/${connection_id}`)
    expect(token.body).toMatchObject({ strategy: { type: 'header' }, credentials: { api_key: 'k-123' } })
    expect(documentedProblems('GET', '/v1/token/{connection_id}', token.status, token.body)).toEqual([])

    const again = await stack.browser.call('POST', '/v1/capture-credential', { body })
    expect(documentedProblems('POST', '/v1/capture-credential', again.status, again.body)).toEqual([])
    expect(again.status).toBeGreaterThanOrEqual(400)
    expect(again.status).toBeLessThan(500)
  })

  test('that do not fit the schema are a fault of the caller, not of the gateway (fault 57)', async () => {
    const { state } = await askForKey()
    const refused = await stack.browser.call('POST', '/v1/capture-credential', { body: { state, credentials: {} } })
    expect([refused.status, refused.body.code]).toEqual([400, 'invalid_credentials'])
  })

  test('come in through the hosted form, from the browser that opened it', async () => {
    const { authUrl, connection_id } = await askForKey()
    const { pathname } = new URL(authUrl)
    const form = await stack.browser.call('GET', pathname)
    expect([form.status, form.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')])
    expect(form.headers.get('content-security-policy')).toContain("default-src 'none'")
    const token = /name="_csrf"[^>]*value="([^"]+)"/.exec(form.text)?.[1] ?? ''
    const cookie = form.headers
      .getSetCookie()
      .map((each) => each.split(';')[0])
      .join('; ')
    const submit = (headers: Record<string, string>) =>
      stack.browser.call('POST', pathname, {
        body: new URLSearchParams({ _csrf: token, api_key: 'k-456' }).toString(),
        headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
      })
    expect((await submit({})).status).toBe(403)
    const sent = await submit({ cookie })
    expect([sent.status, new URL(sent.headers.get('location') ?? '').searchParams.get('connection_id')]).toEqual([
      303,
      connection_id,
    ])
    expect((await call('GET', `/v1/check-connection/${connection_id}`)).body).toEqual({ status: 'active' })
  })
})

test('the list of providers is the documented one and holds no secret (fault 2)', async () => {
  for (const path of ['/v1/providers', '/v1/providers/metadata']) {
    const answer = await call('GET', path)
    expect(documentedProblems('GET', path, answer.status, answer.body)).toEqual([])
    expect(answer.body).toMatchObject({
      oauth2: { google: { id: stack.broker.providerId } },
      api_key: { 'acme-keys': {} },
    })
    expect(answer.text).not.toContain(stack.broker.provider.clientSecret)
    expect(answer.text).not.toContain('client_')
  }
})

/** A consent that the documented verifier (RFC 7636 appendix B) completes; only the code is the moment's own. */
async function heldFor({ user_id }: Members) {
  const wish = { user_id, provider_name: 'google', return_url: returnUrl }
  const completion_challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
  const asked = (await call('POST', '/v1/request-connection', { ...wish, completion_challenge })).body
  const { connect_code } = await stack.consent(String(asked.authUrl))
  return { id: String(asked.connection_id), body: { connect_code } }
}

describe('every request example of openapi.yaml works as it stands:', () => {
  const { operations, resolve } = readOpenapi()
  const examples: [string, string, string, Members][] = operations.flatMap(({ method, path, node }) => {
    const media = membersOf(membersOf(resolve(node.requestBody).content)['application/json'])
    return examplesOf(media).map(([name, value]): [string, string, string, Members] => [
      method,
      path,
      name,
      membersOf(value),
    ])
  })

  test.each(examples)('%s %s, %s', async (method, path, _name, example) => {
    // A state and a connection id cannot be written down beforehand; everything else is sent as documented.
    const body = 'state' in example ? { ...example, state: (await askForKey()).state } : example
    const provider = path.endsWith('/dpop-proof') ? 'bound' : 'google'
    const held = path.endsWith('/complete') ? await heldFor(example) : undefined
    const id = held?.id ?? (path.includes('{connection_id}') ? await connect(provider) : '')
    const answer = await call(method, path.replace('{connection_id}', id), { ...body, ...held?.body })
    expect([answer.status, documentedProblems(method, path, answer.status, answer.body)]).toEqual([200, []])
  })
})

async function connect(provider: string): Promise<string> {
  const body = { user_id: 'user-7', provider_name: provider, return_url: returnUrl, scopes: ['openid'] }
  const { authUrl, connection_id } = (await call('POST', '/v1/request-connection', body)).body
  expect(await stack.consent(String(authUrl))).toMatchObject({ status: 'success', provider })
  return String(connection_id)
}

test('a key never reaches a log of the gateway', () => {
  expect(stack.gateway.logged()).toContain('/v1/request-connection')
  expect(stack.gateway.logged()).not.toContain(stack.agentKey)
})
