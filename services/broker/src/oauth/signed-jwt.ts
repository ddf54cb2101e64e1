import { compactVerify, decodeProtectedHeader } from 'jose'
import * as z from 'zod'
import type { KeySets, WantedKey } from './key-sets.js'
import { toJwk, type SigningKey } from './signing-key.js'

// Owns the signature of a JWT that a provider issued to us: allowed algorithm, right key. Does not own its claims.

/** Makes the error for a sentence of ours; it never quotes the token. */
export type Refuse = (why: string) => Error

/**
 * The payload of a JWT that one of the provider's published keys signed. Throws what `refuse` makes, and
 * `provider_unavailable` when the keys cannot be read.
 */
export async function verifySignedJwt(
  keySets: KeySets,
  jwt: string,
  expected: { jwksUrl: string; allowedAlgs: readonly string[]; refuse: Refuse },
): Promise<{ payload: unknown; alg: string }> {
  const { jwksUrl, refuse } = expected
  const wanted = readHeader(jwt, expected.allowedAlgs, refuse)
  const payload =
    (await tryKeys(await keySets.find(jwksUrl, wanted), jwt, wanted.alg)) ??
    // Without a key id a rotation shows only in the failed trial.
    (await tryKeys(wanted.kid === undefined ? await keySets.findNewer(jwksUrl, wanted) : [], jwt, wanted.alg))
  if (payload === undefined) throw refuse('no published key made its signature')
  return { payload, alg: wanted.alg }
}

const headerSchema = z.object({
  alg: z.string(),
  kid: z.string().max(256).optional(),
  typ: z
    .string()
    .regex(/^(application\/)?jwt$/i) // RFC 8725 section 3.11: an access or logout token is neither
    .optional(),
  // RFC 7515 section 4.1.11: we understand no extension, `b64` included, which counts only where `crit` names it (RFC 7797
  // section 6). `jku`, `x5u` and `jwk` are simply not read.
  crit: z.undefined().optional(),
})

function readHeader(jwt: string, allowedAlgs: readonly string[], refuse: Refuse): WantedKey {
  const parsed = headerSchema.safeParse(headerOf(jwt))
  if (!parsed.success) throw refuse('its header is not one of a signed JWT')
  const { alg, kid } = parsed.data
  // A profile can name none but those of published keys: never `none`, never an HMAC keyed with the public key.
  if (!allowedAlgs.includes(alg)) throw refuse('its signature algorithm is not allowed')
  return { alg, kid }
}

function headerOf(jwt: string): unknown {
  try {
    return jwt.split('.').length === 3 ? decodeProtectedHeader(jwt) : undefined
  } catch {
    return undefined
  }
}

// The algorithm was judged by `readHeader`. The key names it, too, and the library uses such a key for no other (RFC 7517
// section 4.4), so a list of algorithms for the library would say it a third time.
async function tryKeys(keys: readonly SigningKey[], jwt: string, alg: string): Promise<unknown> {
  for (const key of keys) {
    try {
      const { payload } = await compactVerify(jwt, toJwk(key, alg))
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) ?? {}
    } catch {
      // Another key, or no key at all: the library's error would quote the token.
    }
  }
  return undefined
}
