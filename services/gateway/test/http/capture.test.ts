import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { answerJson, startStandIn, startTestGateway, type BrokerStandIn, type TestGateway } from '../gateway.js'

const stateKey = Buffer.alloc(32, 9)
const sign = (text: string): string =>
  `${Buffer.from(text).toString('base64url')}.${createHmac('sha256', stateKey).update(text).digest('base64url')}`
const state = sign(JSON.stringify({ workspace_id: 'w', provider_id: 'p', nonce: 'n', iat: '2026-01-02T03:04:05Z' }))

let broker: BrokerStandIn
let gateway: TestGateway
let redirect: string | undefined = ''
const redirectUrl = 'https://app.example/done?page=2&status=success&connection_id=c0ffee00'

beforeAll(async () => {
  broker = await startStandIn(({ url }, response) => {
    if (url.startsWith('/auth/capture-schema')) return answerJson(response, 200, { provider_name: 'lab', schema: {} })
    if (redirect === undefined) {
      return answerJson(response, 400, { code: 'invalid_credentials', message: 'api_key is missing' })
    }
    return response.writeHead(302, { Location: redirect, 'Set-Cookie': 'bind=; Max-Age=0' }).end()
  })
  gateway = await startTestGateway({
    BROKER_BASE_URL: broker.url,
    STATE_KEY: Buffer.alloc(32, 8).toString('base64'),
    STATE_KEYS_RETIRED: stateKey.toString('base64'),
  })
})
beforeEach(() => {
  broker.received.splice(0)
  redirect = redirectUrl
})
afterAll(async () => {
  await gateway.close()
  await broker.close()
})

const submit = (body: unknown): Promise<Response> =>
  fetch(`${gateway.url}/v1/capture-credential`, { method: 'POST', body: JSON.stringify(body), redirect: 'manual' })

const openSchema = (query: string): Promise<Response> => fetch(`${gateway.url}/v1/capture-schema${query}`)

describe('credential capture', () => {
  test('shows the schema without a key, and no cache keeps it', async () => {
    const answer = await openSchema(`?state=${state}`)
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect(await answer.json()).toEqual({ provider_name: 'lab', schema: {} })
    expect(broker.received[0]?.headers).not.toHaveProperty('authorization')
  })

  test('turns the redirect of the broker into JSON, read with the URL rules (fault 24)', async () => {
    const answer = await submit({ state, credentials: { api_key: 'k' } })
    expect([answer.status, answer.headers.get('set-cookie')]).toEqual([200, 'bind=; Max-Age=0'])
    expect(await answer.json()).toEqual({ connection_id: 'c0ffee00', status: 'success', redirect_url: redirectUrl })
    expect(JSON.parse(broker.received[0]?.body ?? '')).toEqual({ state, credentials: { api_key: 'k' } })
  })

  test('passes a refusal on with its own status, never as 502 (fault 57)', async () => {
    redirect = undefined
    const answer = await submit({ state, credentials: {} })
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'invalid_credentials' }])
  })

  test.each(['/relative', 'https://app.example/done', 'not a url'])(
    'is 502 when the broker redirects to %s',
    async (to) => {
      redirect = to
      expect(await (await submit({ state, credentials: {} })).json()).toMatchObject({ code: 'broker_invalid_response' })
    },
  )

  test.each([
    ['no state', { credentials: {} }, 'missing_fields', 'missing: state'],
    ['an empty state', { state: '', credentials: {} }, 'missing_fields', 'missing: state'],
    ['no credentials', { state }, 'missing_fields', 'missing: credentials'],
    ['neither', {}, 'missing_fields', 'missing: state, credentials'],
    ['a state that is a number', { state: 1, credentials: {} }, 'invalid_request', 'state must be a single string'],
    ['credentials in a list', { state, credentials: [] }, 'invalid_request', 'credentials must be an object'],
    ['a list', [], 'invalid_request', 'the body must be a JSON object'],
  ])('refuses a body with %s', async (_title, body, code, message) => {
    const answer = await submit(body)
    expect([answer.status, await answer.json()]).toMatchObject([400, { code, message }])
    expect(broker.received).toEqual([])
  })

  test.each([
    ['', 'missing_fields'],
    ['?state=', 'missing_fields'],
    [`?state=${state}&state=${state}`, 'invalid_request'],
  ])('refuses the query %s', async (query, code) => {
    const answer = await openSchema(query)
    expect([answer.status, await answer.json()]).toMatchObject([400, { code }])
  })
})

describe('with a STATE_KEY', () => {
  const [payload = '', signature = ''] = state.split('.')
  test.each([
    ['signed by somebody else', `${payload}.${Buffer.alloc(32).toString('base64url')}`],
    ['changed after signing', `${Buffer.from('{"nonce":"other"}').toString('base64url')}.${signature}`],
    ['without a signature', payload],
    ['with an empty signature', `${payload}.`],
    ['with a third part', `${state}.x`],
  ])('a state %s ends at the gateway, for the schema and for the credentials', async (_title, forged) => {
    const answers = await Promise.all([openSchema(`?state=${forged}`), submit({ state: forged, credentials: {} })])
    for (const answer of answers)
      expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'invalid_state' }])
    expect(broker.received).toEqual([])
  })

  test('a state of the v1 interoperability vector is accepted', async () => {
    const vector =
      'eyJ3b3Jrc3BhY2VfaWQiOiJ3c1x1MDAzY1x1MDAyNlx1MDAzZTEiLCJwcm92aWRlcl9pZCI6IjExMTExMTExLTIyMjItNDMzMy04NDQ0LTU1NTU1' +
      'NTU1NTU1NSIsIm5vbmNlIjoiYWFhYWFhYWEtYmJiYi00Y2NjLThkZGQtZWVlZWVlZWVlZWVlIiwiaWF0IjoiMjAyNi0wMS0wMlQwMzowNDowNS42' +
      'Nzg5WiJ9.ZYaEa1CM-7hh-VmD-lA7-ijadQn-8rRpAkNvD5fk89c'
    const key = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString('base64')
    const other = await startTestGateway({ BROKER_BASE_URL: broker.url, STATE_KEY: key })
    const answer = await fetch(`${other.url}/v1/capture-schema?state=${vector}`)
    await other.close()
    expect(answer.status).toBe(200)
  })
})
