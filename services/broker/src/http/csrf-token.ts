import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * The token of a form: only the page that this browser opened for this authorization request holds it (A17).
 * A key of its own is derived, so that a token is never a valid state and a state never a token.
 */
export function csrfToken(stateKey: Uint8Array, requestId: string, browserDigest: string): string {
  const key = createHmac('sha256', stateKey).update('dromos csrf v1').digest()
  return createHmac('sha256', key).update(`${requestId}.${browserDigest}`).digest('base64url')
}

/** True when a presented token was made with any of the keys. Compares in constant time. */
export function isCsrfToken(
  presented: unknown,
  stateKeys: readonly Uint8Array[],
  requestId: string,
  browserDigest: string,
): boolean {
  if (typeof presented !== 'string') return false
  return stateKeys.some((key) => {
    const expected = Buffer.from(csrfToken(key, requestId, browserDigest))
    const given = Buffer.from(presented)
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
}
