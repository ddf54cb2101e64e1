import { request } from 'undici'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { callerKey, startStandIn, startTestGateway, type BrokerStandIn, type TestGateway } from '../gateway.js'

let broker: BrokerStandIn
let gateway: TestGateway

beforeAll(async () => {
  broker = await startStandIn((_request, response) =>
    response
      .writeHead(302, {
        Location: 'https://app.example/done?a=1&status=success',
        'Set-Cookie': ['__Host-a=1; Path=/; Secure', 'b=2'],
        'Content-Security-Policy': "default-src 'none'",
        'Cache-Control': 'no-store',
        'X-Powered-By': 'internals',
        'Content-Type': 'text/html',
      })
      .end('<p>gone</p>'),
  )
  gateway = await startTestGateway({ BROKER_BASE_URL: `${broker.url}/prefix`, BROKER_API_KEY: 'dk_gateway_own' })
})
beforeEach(() => void broker.received.splice(0))
afterAll(async () => {
  await gateway.close()
  await broker.close()
})

const ticket = 'tckt_abc-123.XYZ'

describe('a browser route', () => {
  test('passes query and cookies in and status, Location, cookies, policy and body out, and follows no redirect', async () => {
    const query = '?code=4%2F0Ab%20c&state=a.b%3D&iss=https%3A%2F%2Fidp&empty='
    const answer = await request(`${gateway.url}/auth/callback${query}`, { headers: { Cookie: 'bind=x; other=y' } })
    expect(broker.received.map(({ method, url }) => [method, url])).toEqual([['GET', `/prefix/auth/callback${query}`]])
    expect(broker.received[0]?.headers.cookie).toBe('bind=x; other=y')
    expect(answer.statusCode).toBe(302)
    expect(answer.headers).toMatchObject({
      location: 'https://app.example/done?a=1&status=success',
      'set-cookie': ['__Host-a=1; Path=/; Secure', 'b=2'],
      'content-security-policy': "default-src 'none'",
      'cache-control': 'no-store',
    })
    expect(answer.headers['x-powered-by']).toBeUndefined()
    expect(await answer.body.text()).toBe('<p>gone</p>')
  })

  test('never carries a key: not the visitor’s, not the gateway’s own', async () => {
    const headers = { 'X-API-Key': callerKey, Authorization: `Bearer ${callerKey}` }
    await request(`${gateway.url}/auth/start/${ticket}`, { headers }).then(({ body }) => body.dump())
    expect(broker.received[0]?.url).toBe(`/prefix/auth/start/${ticket}`)
    expect(broker.received[0]?.headers).not.toHaveProperty('authorization')
    expect(broker.received[0]?.headers).not.toHaveProperty('x-api-key')
  })

  test('carries the address of the visitor, not the one the visitor claims', async () => {
    const headers = { 'X-Forwarded-For': '203.0.113.1' }
    await request(`${gateway.url}/auth/start/${ticket}`, { headers }).then(({ body }) => body.dump())
    expect(broker.received[0]?.headers['x-forwarded-for']).toBe('127.0.0.1')
  })

  test('passes a form on byte for byte, with what tells its origin', async () => {
    const body = 'csrf=t&api_key=a%2Bb+c'
    const headers = {
      'Content-Type': 'application/x-www-form-urlencoded',
      Origin: 'https://connect.example',
      'Sec-Fetch-Site': 'same-origin',
    }
    const answer = await request(`${gateway.url}/auth/connect/${ticket}`, { method: 'POST', headers, body })
    await answer.body.dump()
    expect(broker.received[0]).toMatchObject({
      method: 'POST',
      url: `/prefix/auth/connect/${ticket}`,
      body,
      headers: { origin: 'https://connect.example', 'sec-fetch-site': 'same-origin' },
    })
  })

  test.each([
    ['a form over 64 KiB', 'POST', ticket, 'application/x-www-form-urlencoded', 'a='.padEnd(70_000, 'x'), 413],
    ['JSON in place of a form', 'POST', ticket, 'application/json', '{}', 415],
    ['a ticket that climbs out of its path', 'GET', '..%2F..%2Fproviders', undefined, undefined, 404],
    ['a ticket that is a path', 'GET', 'abcdefgh%2Fproviders', undefined, undefined, 404],
    ['a ticket that is not UTF-8', 'GET', '%ff%fe%fd%fc', undefined, undefined, 400],
  ])('refuses %s without asking the broker', async (_title, method, id, type, body, expected) => {
    const answer = await request(`${gateway.url}/auth/connect/${id}`, {
      method: method === 'POST' ? 'POST' : 'GET',
      ...(type === undefined ? {} : { headers: { 'Content-Type': type } }),
      ...(body === undefined ? {} : { body }),
    })
    await answer.body.dump()
    expect([answer.statusCode, broker.received]).toEqual([expected, []])
  })

  test('refuses HEAD, so that a link scanner cannot spend an authorization code', async () => {
    const answer = await request(`${gateway.url}/auth/callback?code=c&state=s`, { method: 'HEAD' })
    expect([answer.statusCode, answer.headers.allow, broker.received]).toEqual([405, 'GET', []])
  })

  test('leaves code and state out of the log (fault 50)', async () => {
    const answer = await request(`${gateway.url}/auth/callback?code=canary-code&state=canary-state`)
    await answer.body.dump()
    expect(gateway.logged()).toContain('/auth/callback')
    expect(gateway.logged()).not.toContain('canary')
  })
})
