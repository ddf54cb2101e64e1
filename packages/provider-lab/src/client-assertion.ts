import { createPublicKey, verify } from 'node:crypto'
import { readJwt } from './jose.js'
import type { LabClient } from './client.js'
import type { ProviderState } from './state.js'

export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/**
 * RFC 7523 section 3, as FAPI 2.0 section 5.3.2.1 narrows it: ES256 by the registered key, `aud` the issuer as one string, a
 * fresh `jti`. Answers what is wrong, or undefined.
 */
export function assertionProblem(state: ProviderState, client: LabClient, assertion: string): string | undefined {
  const { endpoints, clock, assertionsSeen } = state
  const parsed = readJwt(assertion)
  if (parsed === undefined || client.jwk === undefined) return 'no assertion'
  const { header, claims } = parsed
  const key = createPublicKey({ key: client.jwk, format: 'jwk' })
  const isSigned =
    header['alg'] === 'ES256' &&
    verify('sha256', Buffer.from(parsed.signingInput), { key, dsaEncoding: 'ieee-p1363' }, parsed.signature)
  if (!isSigned) return 'signature'
  if (claims['iss'] !== client.id || claims['sub'] !== client.id) return 'iss or sub'
  if (claims['aud'] !== endpoints.issuer) return 'aud'
  if (!(Number(claims['exp']) > clock.now() / 1000)) return 'exp'
  const jti = String(claims['jti'])
  if (claims['jti'] === undefined || assertionsSeen.has(jti)) return 'jti'
  assertionsSeen.add(jti)
  return undefined
}
