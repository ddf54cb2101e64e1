import { expect } from '@jest/globals'
import fc from 'fast-check'
import { signState, verifyState } from '../../../../services/broker/src/domain/signed-state.js'
import { damaged } from './hostile-text.js'
import { type FuzzTarget, unlessRefused } from './target.js'

const key = Buffer.alloc(32, 7)
const now = Date.parse('2026-01-02T03:04:05Z')
const genuine = signState(
  {
    workspace_id: 'user-1',
    provider_id: '11111111-2222-4333-8444-555555555555',
    nonce: 'cn_0123456789abcdefghjkmnpqrstvwxyz',
    iat: new Date(now).toISOString(),
    tenant: 'default',
    request: 'rq_0123456789abcdefghjkmnpqrstvwxyz',
    purpose: 'authorization',
  },
  key,
)
const foreign = fc.dictionary(fc.string(), fc.jsonValue()).map((content) => {
  const json = JSON.stringify(content)
  return `${Buffer.from(json).toString('base64url')}.${genuine.split('.')[1]}`
})
const read = (value: unknown) => unlessRefused(['invalid_state'], () => verifyState(value, 'authorization', [key], now))

/** The state parser: nothing is accepted but what was signed, to the letter. */
export const state: FuzzTarget = {
  name: 'state',
  attacks: '(A3)',
  runs: 3000,
  property: fc.property(fc.oneof(damaged(genuine), damaged(genuine), foreign, fc.string(), fc.jsonValue()), (value) => {
    expect(read(value) === undefined).toBe(value !== genuine)
  }),
  read,
}
