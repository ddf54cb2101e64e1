import { constants, createHash, createHmac, sign, type KeyObject } from 'node:crypto'

export type JsonObject = Record<string, unknown>
export type SigningAlg = 'RS256' | 'PS256' | 'ES256' | 'EdDSA'

/** Makes the signature part from `base64url(header).base64url(payload)`. A fault replaces it to sign wrongly. */
export type Signer = (signingInput: string) => Buffer

/** A JWT about to be signed. Hand-written instead of a library because the lab must also be able to build wrong ones. */
export type JwtDraft = { header: JsonObject; claims: JsonObject; signer: Signer }

const encode = (value: JsonObject): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** JWS compact serialization, RFC 7515 section 7.1. */
export function serialize(draft: JwtDraft): string {
  const signingInput = `${encode(draft.header)}.${encode(draft.claims)}`
  return `${signingInput}.${draft.signer(signingInput).toString('base64url')}`
}

/** A correct signature for `alg`, RFC 7518 section 3 and RFC 8037 section 3.1. */
export function signerFor(alg: SigningAlg, privateKey: KeyObject): Signer {
  return (input) => {
    const data = Buffer.from(input)
    switch (alg) {
      case 'RS256':
        return sign('sha256', data, privateKey)
      case 'PS256':
        return sign('sha256', data, {
          key: privateKey,
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
        })
      case 'ES256':
        return sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' })
      case 'EdDSA':
        return sign(null, data, privateKey)
    }
  }
}

export const hmacSigner =
  (secret: string): Signer =>
  (input) =>
    createHmac('sha256', secret).update(input).digest()

/** Left half of the access token's hash, OpenID Connect Core section 3.1.3.6. Ed25519 hashes with SHA-512. */
export function accessTokenHash(accessToken: string, alg: SigningAlg): string {
  const digest = createHash(alg === 'EdDSA' ? 'sha512' : 'sha256')
    .update(accessToken)
    .digest()
  return digest.subarray(0, digest.length / 2).toString('base64url')
}

/** Well-formed and wrong: every byte of the signature XOR 0x5A, as the conformance suite breaks one. */
export const brokenSigner =
  (signer: Signer): Signer =>
  (input) =>
    Buffer.from(signer(input).map((byte) => byte ^ 0x5a))

export type ReadJwt = { header: JsonObject; claims: JsonObject; signingInput: string; signature: Buffer }

/** The parts of a compact JWT, unverified; undefined when it is none. */
export function readJwt(jwt: string): ReadJwt | undefined {
  const [header = '', claims = '', signature = '', ...rest] = jwt.split('.')
  try {
    const [first, second] = [decode(header), decode(claims)]
    if (rest.length > 0 || signature === '') return undefined
    return {
      header: first,
      claims: second,
      signingInput: `${header}.${claims}`,
      signature: Buffer.from(signature, 'base64url'),
    }
  } catch {
    return undefined
  }
}

function decode(part: string): JsonObject {
  const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
  if (typeof value !== 'object' || value === null) throw new Error('not an object')
  return { ...value }
}
