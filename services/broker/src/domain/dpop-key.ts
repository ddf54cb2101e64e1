import { generateKeyPairSync } from 'node:crypto'

/**
 * The private key that a DPoP grant is bound to (RFC 9449), as a JWK for ES256. One per consent, so that a token bound to
 * one provider or account proves nothing at another. It lives sealed beside the tokens and never leaves the broker.
 */
export type DpopKey = { kty: 'EC'; crv: 'P-256'; x: string; y: string; d: string }

export function newDpopKey(): DpopKey {
  const {
    x = '',
    y = '',
    d = '',
  } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    format: 'jwk',
  })
  return { kty: 'EC', crv: 'P-256', x, y, d }
}
