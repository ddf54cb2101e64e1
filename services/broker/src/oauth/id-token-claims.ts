import { ServiceError } from '@dromos/contract'
import { createHash, timingSafeEqual } from 'node:crypto'
import * as z from 'zod'
import type { Account } from '../domain/connection.js'
import type { IdTokenOccasion } from '../flows/ports/oauth.js'
import { labelClaims, labelOf } from './account-label.js'

// Owns the rules of OIDC Core 3.1.3.7 and 12.2 for the claims of a token whose signature is already verified.

const text = z.string().max(2048)

const claimsSchema = z.object({
  iss: text,
  sub: z.string().regex(/^[\x20-\x7e]{1,255}$/), // OIDC Core 2: at most 255 ASCII characters
  aud: z.union([text, z.array(text).min(1).max(50)]),
  exp: z.number(),
  iat: z.number(),
  nbf: z.number().optional(),
  azp: text.optional(),
  nonce: text.optional(),
  at_hash: text.optional(),
  tid: text.optional(),
  ...labelClaims,
})

type Claims = z.output<typeof claimsSchema>

export type ExpectedClaims = {
  issuer: string
  issuerTemplate: string | undefined
  maxLoginAgeSeconds: number
  clientId: string
  nonce: { value: string | undefined; isRequired: boolean }
  accessToken: string | undefined
  occasion: IdTokenOccasion
  nowSeconds: number
}

const toleranceSeconds = 60

/** The one refusal; `why` is a sentence of ours and never quotes the token. */
export const refuseIdToken = (why: string): ServiceError =>
  new ServiceError('invalid_id_token', `the id_token did not verify: ${why}`)

/** Judges the claims. Throws `invalid_id_token`. */
export function judgeClaims(payload: unknown, alg: string, expected: ExpectedClaims): Account {
  const parsed = claimsSchema.safeParse(payload)
  if (!parsed.success) throw refuseIdToken('a required claim is missing or malformed')
  const claims = parsed.data
  checkIssuer(claims, expected)
  checkAudience(claims, expected.clientId)
  if (expected.occasion !== 'recovery') checkTimes(claims, expected)
  checkNonce(claims, expected)
  // A recovered answer may belong to another access token by now.
  if (expected.occasion !== 'recovery') checkAccessTokenHash(claims, alg, expected.accessToken)
  return { issuer: claims.iss, subject: claims.sub, label: labelOf(claims) }
}

const tenantId = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** The configured issuer and no other (fault 17 of the Go original); multi-tenant Entra issuers carry the `tid` claim. */
function checkIssuer(claims: Claims, { issuer, issuerTemplate }: ExpectedClaims): void {
  if (issuerTemplate === undefined) {
    if (claims.iss !== issuer) throw refuseIdToken('it comes from another issuer')
    return
  }
  if (claims.tid === undefined || !tenantId.test(claims.tid)) throw refuseIdToken('it names no tenant')
  if (claims.iss !== issuerTemplate.replace('{tenantid}', claims.tid))
    throw refuseIdToken('its issuer does not fit the template')
}

/** A second audience is trusted only when the token says that it was issued to us (`azp`). */
function checkAudience({ aud, azp }: Claims, clientId: string): void {
  const audiences = typeof aud === 'string' ? [aud] : aud
  if (!audiences.includes(clientId)) throw refuseIdToken('it is meant for another client')
  if (audiences.some((audience) => audience !== clientId) && azp === undefined)
    throw refuseIdToken('it is meant for other clients too')
  if (azp !== undefined && azp !== clientId) throw refuseIdToken('it was issued to another client')
}

function checkTimes({ exp, iat, nbf }: Claims, { nowSeconds, occasion, maxLoginAgeSeconds }: ExpectedClaims): void {
  if (exp <= nowSeconds - toleranceSeconds) throw refuseIdToken('it has expired')
  if ((nbf ?? iat) > nowSeconds + toleranceSeconds || iat > nowSeconds + toleranceSeconds)
    throw refuseIdToken('it is not valid yet')
  if (occasion === 'login' && iat < nowSeconds - maxLoginAgeSeconds)
    throw refuseIdToken('it was issued too long ago for a fresh login')
}

/** A refreshed token need not carry the nonce (OIDC Core 12.2); one that is there must still be right. */
function checkNonce(claims: Claims, { nonce, occasion }: ExpectedClaims): void {
  if (claims.nonce === undefined) {
    if (occasion === 'login' && nonce.isRequired) throw refuseIdToken('it carries no nonce')
    return
  }
  const isCompared = nonce.value !== undefined || (occasion === 'login' && nonce.isRequired)
  if (isCompared && claims.nonce !== nonce.value) throw refuseIdToken('it answers another authorization request')
}

/** OIDC Core 3.1.3.6: left half of the hash that belongs to the signature algorithm. */
function checkAccessTokenHash({ at_hash }: Claims, alg: string, accessToken: string | undefined): void {
  if (at_hash === undefined || accessToken === undefined) return
  const digest = createHash(alg === 'EdDSA' ? 'sha512' : `sha${alg.slice(2)}`)
    .update(accessToken, 'utf8')
    .digest()
  const expected = Buffer.from(digest.subarray(0, digest.length / 2).toString('base64url'))
  const given = Buffer.from(at_hash)
  if (given.length !== expected.length || !timingSafeEqual(given, expected))
    throw refuseIdToken('it belongs to another access token')
}
