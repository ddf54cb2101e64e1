import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** A proof as RFC 9449 section 4.2 wants it; `claims` and `header` replace members. */
export function proof(
  target: { method: string; url: string; accessToken?: string; nonce?: string },
  how: { key?: KeyObject; header?: object; claims?: object } = {},
): string {
  const { method, url, accessToken, nonce } = target
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }), ...how.header }
  const claims = {
    htm: method,
    htu: url,
    jti: randomBytes(16).toString('base64url'),
    iat: Math.floor(Date.now() / 1000),
    ...(accessToken !== undefined && { ath: createHash('sha256').update(accessToken).digest('base64url') }),
    ...(nonce !== undefined && { nonce }),
    ...how.claims,
  }
  const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const signature = sign('sha256', Buffer.from(input), { key: how.key ?? privateKey, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}
