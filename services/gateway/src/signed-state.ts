import { createHmac, timingSafeEqual } from 'node:crypto'
import { ServiceError } from '@dromos/contract'

/**
 * Refuses a state that none of `stateKeys` signed: base64url(JSON) "." base64url(HMAC-SHA-256 over the JSON bytes).
 * This only spares the broker a guess. It gives no authority and judges no age: the broker's row does both, and its answer
 * says more than ours could. Throws `invalid_state`.
 */
export function assertSignedState(state: string, stateKeys: readonly Buffer[]): void {
  const [encoded = '', signature = '', ...rest] = state.split('.')
  const payload = Buffer.from(encoded, 'base64url')
  const given = Buffer.from(signature, 'base64url')
  const isSignedWith = (key: Buffer): boolean => {
    const expected = createHmac('sha256', key).update(payload).digest()
    return given.length === expected.length && timingSafeEqual(given, expected)
  }
  if (rest.length > 0 || !stateKeys.some(isSignedWith))
    throw new ServiceError('invalid_state', 'this state was not issued by us; start the connection again')
}
