// Owns what the provider holds against a proof of possession (RFC 9449 section 4.3). Does not own which requests need one.
import { createHash, createPublicKey, verify } from 'node:crypto'
import type { LabClock } from './clock.js'
import { readJwt, type JsonObject } from './jose.js'
import type { LabRequest } from './request.js'

export type ProofCheck = {
  /** The request's own URL, without query. */
  url: string
  /** The proof must carry its hash. */
  accessToken?: string | undefined
  /** The proof must carry it. */
  nonce: string | undefined
}

/** `thumbprint` names the key (RFC 7638); `none` = the request carries no proof. */
export type ProofVerdict =
  { kind: 'none' } | { kind: 'proof'; thumbprint: string } | { kind: 'invalid_dpop_proof' | 'use_dpop_nonce' }

export type ProofJudge = (request: LabRequest, check: ProofCheck) => ProofVerdict

const toleranceSeconds = 300

/** Remembers each `jti`: a proof works once (section 11.1). */
export function createProofJudge(clock: LabClock): ProofJudge {
  const seen = new Set<string>()
  return (request, { url, accessToken, nonce }) => {
    const proof = request.headers['dpop']
    if (proof === undefined) return { kind: 'none' }
    const key = verifiedKey(proof)
    const claims = readJwt(proof)?.claims ?? {}
    const ageSeconds = Math.abs(clock.now() / 1000 - Number(claims['iat']))
    const isRight =
      key !== undefined &&
      claims['htm'] === request.method &&
      claims['htu'] === url &&
      ageSeconds <= toleranceSeconds &&
      typeof claims['jti'] === 'string' &&
      !seen.has(claims['jti']) &&
      claims['ath'] === (accessToken === undefined ? undefined : sha256(accessToken))
    if (!isRight) return { kind: 'invalid_dpop_proof' }
    seen.add(String(claims['jti']))
    if (nonce !== undefined && claims['nonce'] !== nonce) return { kind: 'use_dpop_nonce' }
    return { kind: 'proof', thumbprint: thumbprintOf(key) }
  }
}

/** The public key in the header, when the header is one of a proof and the key made the signature. ES256 alone. */
function verifiedKey(proof: string): JsonObject | undefined {
  const parsed = readJwt(proof)
  const jwk = parsed?.header['jwk']
  if (parsed === undefined || typeof jwk !== 'object' || jwk === null || 'd' in jwk) return undefined
  if (parsed.header['typ'] !== 'dpop+jwt' || parsed.header['alg'] !== 'ES256') return undefined
  try {
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
    const data = Buffer.from(parsed.signingInput)
    return verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, parsed.signature) ? { ...jwk } : undefined
  } catch {
    return undefined
  }
}

// RFC 7638 section 3.2: the required members in lexicographic order.
const thumbprintOf = ({ crv, kty, x, y }: JsonObject): string => sha256(JSON.stringify({ crv, kty, x, y }))

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url')
