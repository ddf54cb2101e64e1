import { loadProtos } from '@dromos/contract'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { newProof } from '../../../broker/test/harness/completion.js'
import { failureOf, openRpc, type RpcClient } from '../grpc/client.js'
import { serviceNames } from '../../src/grpc/server.js'
import { readOpenapi } from '../openapi-document.js'
import { returnUrl, startStack, type Stack } from './stack.js'

// Owns the claim that tenants are alone at the public edges: every route and every method that names a connection, with a
// key of another tenant. What a route or a method is called is read from openapi.yaml and proto/: a new one is in it at once.

let stack: Stack
let rpc: RpcClient
const objects: Record<string, string> = {}
beforeAll(async () => {
  stack = await startStack()
  rpc = openRpc(stack.gateway.grpcPort)
  const ask = async (extras: object = {}) => {
    const body = { user_id: 'user-1', provider_name: 'google', return_url: returnUrl, ...extras }
    return (await stack.browser.call('POST', '/v1/request-connection', { key: stack.agentKey, body })).body
  }
  const connect = async (extras: object = {}) => {
    const { authUrl, connection_id } = await ask(extras)
    await stack.consent(String(authUrl))
    return String(connection_id)
  }
  objects.pending = String((await ask()).connection_id)
  objects.active = await connect()
  objects.held = await connect({ completion_challenge: newProof().challenge })
  objects.revoked = await connect()
  await stack.browser.call('DELETE', `/v1/connections/${objects.revoked}`, { key: stack.agentKey })
})
afterAll(async () => {
  rpc.close()
  await stack.close()
})

const unknownId = `cn_${'0'.repeat(32)}`
const states = ['pending', 'active', 'held', 'revoked']
const fields = {
  connect_code: 'x'.repeat(43), user_id: 'user-1', completion_verifier: newProof().verifier, scopes: ['email'], return_url: returnUrl,
  method: 'GET', url: 'https://api.example/things',
} // prettier-ignore
const change = { refresh_schedule: 'on_demand' }

const routes = readOpenapi().operations.filter(({ path }) => path.includes('{connection_id}'))

describe('over HTTP', () => {
  test('there are as many routes as a connection has', () => expect(routes.length).toBeGreaterThanOrEqual(8))

  test.each(routes.flatMap(({ name }) => states.map((state): [string, string] => [name, state])))(
    '%s tells another tenant of a connection that is %s what it tells of none (A64) (A65)',
    async (name, state) => {
      const [method = '', path = ''] = name.split(' ')
      const see = async (id: string) => {
        const how = method === 'POST' ? { body: path.includes('refresh') ? {} : fields } : method === 'PATCH' ? { body: change } : {}
        const answer = await stack.browser.call(method, path.replace('{connection_id}', id), { key: stack.strangerKey, ...how })
        const { 'x-request-id': _id, date: _date, ...headers } = Object.fromEntries(answer.headers)
        return { status: answer.status, headers, body: { ...answer.body, request_id: '' } }
      }
      const foreign = await see(objects[state] ?? '')
      // v1: a poll of an unknown id says so, too
      expect(foreign).toMatchObject({ status: 404, body: { code: 'connection_not_found' } })
      expect(foreign).toEqual(await see(unknownId))
    },
  ) // prettier-ignore
})

const methods = serviceNames.flatMap((service) => {
  const definition = loadProtos()[service]
  if (definition === undefined || 'format' in definition) throw new Error(`no service ${service}`)
  return Object.entries(definition).map(([method, { requestType }]) => {
    const { field = [] } = requestType.type as { field?: { name: string }[] }
    return { path: `/${service}/${method}`, fields: field.map(({ name }) => name) }
  })
})
const ofConnections = methods.filter((method) => method.fields.includes('connection_id'))

describe('over gRPC', () => {
  test('there are as many methods as routes', () => {
    expect(ofConnections.length).toBe(routes.length * serviceNames.length)
    const others = methods.filter((method) => !ofConnections.includes(method)).map(({ path }) => path.split('/').pop())
    expect([...new Set(others)].sort()).toEqual(['ListConnections', 'RequestConnection'])
  })

  test.each(ofConnections.flatMap(({ path }) => states.map((state): [string, string] => [path, state])))(
    '%s tells another tenant of a connection that is %s what it tells of none (A64) (A65)',
    async (path, state) => {
      const see = (id: string) => {
        const method = ofConnections.find((each) => each.path === path)
        const wanted = Object.entries({ ...fields, ...change }).filter(([name]) => method?.fields.includes(name))
        const message = { ...Object.fromEntries(wanted), connection_id: id }
        return failureOf(rpc.call(path, message, { 'x-api-key': stack.strangerKey }))
      }
      const foreign = await see(objects[state] ?? '')
      expect(foreign).toMatchObject({ reason: 'connection_not_found' })
      expect(foreign).toEqual(await see(unknownId))
    },
  )

  test('a listing holds nothing of another tenant (A65)', async () => {
    for (const service of serviceNames) {
      const { message } = await rpc.call(`/${service}/ListConnections`, {}, { 'x-api-key': stack.strangerKey })
      expect(message).toMatchObject({ data: [], has_more: false })
    }
  })
})

test('the gateway lends nobody its own key: without a caller nothing is answered (A66)', async () => {
  for (const { name } of routes) {
    const [method = '', path = ''] = name.split(' ')
    const target = path.replace('{connection_id}', objects.active ?? '')
    expect(await stack.browser.call(method, target, {})).toMatchObject({
      status: 401,
      body: { code: 'missing_api_key' },
    })
  }
  for (const { path } of methods)
    expect(await failureOf(rpc.call(path, {}))).toMatchObject({ reason: 'missing_api_key' })
})
