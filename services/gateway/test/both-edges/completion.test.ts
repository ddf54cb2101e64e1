import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { newProof } from '../../../broker/test/harness/completion.js'
import { grpcEdge, httpEdge, type Edge, type Outcome } from './edges.js'
import { returnUrl, startStack, type Stack } from './stack.js'

// Owns the completion step as an application meets it, claimed once for every edge.

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

const reasonOf = (outcome: Outcome): string => (outcome.answer === undefined ? outcome.reason : 'accepted')

describe.each(edges)('over %s', (_name, open) => {
  let edge: Edge
  beforeAll(() => {
    edge = open(stack)
  })
  afterAll(() => edge.close())

  /** A person has consented; the application has not completed it yet. */
  async function held() {
    const proof = newProof()
    const wish = { user_id: 'user-7', provider_name: 'google', return_url: returnUrl, scopes: ['openid'] }
    const asked = await edge.requestConnection({ ...wish, completion_challenge: proof.challenge })
    const id = String(asked.answer?.connection_id)
    const result = await stack.consent(String(asked.answer?.authUrl))
    expect(result).toMatchObject({ status: 'pending', connection_id: id })
    const body = { connect_code: result.connect_code, user_id: 'user-7', completion_verifier: proof.verifier }
    return { id, body }
  }

  test('a connection holds nothing until it is completed, and is completed once (A5)', async () => {
    const { id, body } = await held()
    expect(await edge.checkConnection(id)).toMatchObject({ answer: { status: 'pending' } })
    expect(reasonOf(await edge.getToken(id))).toBe('connection_not_active')
    expect(await edge.complete(id, body)).toMatchObject({ answer: { connection_id: id, status: 'active' } })
    expect(await edge.checkConnection(id)).toMatchObject({ answer: { status: 'active' } })
    expect(reasonOf(await edge.getToken(id))).toBe('accepted')
    expect(reasonOf(await edge.complete(id, body))).toBe('invalid_connect_code')
  })

  test('another verifier, another user and another tenant are refused in the same words on every edge (A6)', async () => {
    const { id, body } = await held()
    const wrongVerifier = { ...body, completion_verifier: newProof().verifier }
    expect(reasonOf(await edge.complete(id, wrongVerifier))).toBe('wrong_verifier')
    expect(reasonOf(await edge.complete(id, body, { key: stack.strangerKey }))).toBe('connection_not_found')
    expect(reasonOf(await edge.complete(id, { ...body, user_id: 'user-8' }))).toBe('wrong_user')
    expect(reasonOf(await edge.complete(id, body))).toBe('invalid_connect_code')
    expect(reasonOf(await edge.getToken(id))).toBe('connection_not_active')
  })

  test('reconnect and step-up can be completed too', async () => {
    const { id, body } = await held()
    await edge.complete(id, body)
    for (const again of [edge.reconnect, edge.stepUp]) {
      const proof = newProof()
      const asked = await again(id, { return_url: returnUrl, scopes: ['email'], completion_challenge: proof.challenge })
      const { connect_code } = await stack.consent(String(asked.answer?.authUrl))
      const proven = { connect_code, user_id: 'user-7', completion_verifier: proof.verifier }
      expect(await edge.complete(id, proven)).toMatchObject({ answer: { status: 'active' } })
    }
  })
})
