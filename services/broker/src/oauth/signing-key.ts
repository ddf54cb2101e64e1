import { outboundLimits } from '@dromos/contract'
import type { JWK } from 'jose'
import * as z from 'zod'

// Owns which published keys may verify a signature. Does not own fetching them.

/** RFC 7517 section 5. The count is capped before any key is looked at. */
export const keySetSchema = z.object({ keys: z.array(z.unknown()).max(outboundLimits.keysPerSet) })

const name = z.string().max(256)
const number = z
  .string()
  .regex(/^[A-Za-z0-9_-]+$/)
  .max(2048)
const commonMembers = {
  kid: name.optional(),
  alg: name.optional(),
  use: z.literal('sig').optional(),
  key_ops: z.array(name).optional(),
}

// `d` and `k` are private material: a published private key proves nothing, whoever holds it (RFC 7517 section 9.2).
const publicOnly = { d: z.undefined().optional(), k: z.undefined().optional() }

const publicKeySchema = z.discriminatedUnion('kty', [
  z.object({ kty: z.literal('RSA'), n: number, e: number, ...commonMembers, ...publicOnly }),
  z.object({
    kty: z.literal('EC'),
    crv: z.enum(['P-256', 'P-384']),
    x: number,
    y: number,
    ...commonMembers,
    ...publicOnly,
  }),
  z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: number, ...commonMembers, ...publicOnly }),
])

export type SigningKey = z.output<typeof publicKeySchema>

/** The keys of a set that may be used at all; odd ones are left out, one by one. */
export const usableKeys = (keys: readonly unknown[]): readonly SigningKey[] =>
  keys.flatMap((key) => {
    const parsed = publicKeySchema.safeParse(key)
    return parsed.success && isStrong(parsed.data) && maySign(parsed.data) ? [parsed.data] : []
  })

const minModulusBits = 2048
const maxModulusBits = 8192 // verifying costs us more than it costs the attacker

function isStrong(key: SigningKey): boolean {
  if (key.kty !== 'RSA') return true
  const bits = bitLength(key.n)
  const exponent = Buffer.from(key.e, 'base64url')
  const isOdd = ((exponent.at(-1) ?? 0) & 1) === 1
  // e = 1 makes every message its own signature.
  return bits >= minModulusBits && bits <= maxModulusBits && isOdd && bitLength(key.e) >= 2 && exponent.length <= 8
}

const maySign = ({ key_ops }: SigningKey): boolean => key_ops === undefined || key_ops.includes('verify')

function bitLength(base64url: string): number {
  const bytes = Buffer.from(base64url, 'base64url')
  const start = bytes.findIndex((byte) => byte !== 0)
  return start < 0 ? 0 : (bytes.length - start) * 8 - Math.clz32(bytes[start] ?? 0) + 24
}

const keyTypes: Readonly<Record<string, { kty: SigningKey['kty']; crv?: string }>> = {
  RS256: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
}

/** True when a key is of the algorithm's type and, if it names an algorithm, names this one. */
export function fits(key: SigningKey, alg: string): boolean {
  const type = keyTypes[alg]
  if (type === undefined || key.kty !== type.kty) return false
  const isCurve = key.kty === 'RSA' || key.crv === type.crv
  return isCurve && (key.alg === undefined || key.alg === alg)
}

const jwks = new WeakMap<SigningKey, Map<string, JWK>>()

/**
 * The bare public numbers for one algorithm: what else the provider published about the key was judged already. The same object
 * each time: the library imports a key once for each object it meets.
 */
export function toJwk(key: SigningKey, alg: string): JWK {
  const known = jwks.get(key) ?? new Map<string, JWK>()
  const jwk = known.get(alg) ?? bareJwk(key, alg)
  jwks.set(key, known.set(alg, jwk))
  return jwk
}

function bareJwk(key: SigningKey, alg: string): JWK {
  switch (key.kty) {
    case 'RSA':
      return { kty: key.kty, n: key.n, e: key.e, alg }
    case 'EC':
      return { kty: key.kty, crv: key.crv, x: key.x, y: key.y, alg }
    case 'OKP':
      return { kty: key.kty, crv: key.crv, x: key.x, alg }
  }
}
