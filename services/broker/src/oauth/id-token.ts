import { compactVerify, decodeProtectedHeader } from 'jose'
import { z } from 'zod'
import type { Endpoints } from '../domain/provider.js'
import type { IdTokenVerifier } from '../flows/ports/oauth.js'
import { judgeClaims, refuseIdToken } from './id-token-claims.js'
import type { KeySets, WantedKey } from './key-sets.js'
import type { Observe } from './observe.js'
import { knownAlgs, toJwk, type SigningKey } from './signing-key.js'

// Owns the signature of an id_token: allowed algorithm, right key. Does not own its claims (id-token-claims.ts), nor
// whether the account is the one of before: that is the flow's.

export type IdTokenVerifierDependencies = { keySets: KeySets; now(): Date; observe: Observe }

export function createIdTokenVerifier({ keySets, now, observe }: IdTokenVerifierDependencies): IdTokenVerifier {
  return {
    verify: (provider, idToken, expected) =>
      observe(async () => {
        const { issuer, jwksUrl } = trusted(expected.endpoints)
        const wanted = readHeader(idToken, provider.idToken.signingAlgs)
        const payload = await verifySignature(keySets, jwksUrl, idToken, wanted)
        return judgeClaims(payload, wanted.alg, {
          issuer,
          issuerTemplate: provider.idToken.issuerTemplate,
          clientId: expected.clientId,
          nonce: { value: expected.nonce, isRequired: provider.idToken.nonce === 'required' },
          accessToken: expected.accessToken,
          occasion: expected.occasion,
          nowSeconds: Math.floor(now().getTime() / 1000),
        })
      }),
  }
}

// Issuer and keys come from the provider's profile or metadata, never from the token (A39).
function trusted({ issuer, jwks }: Endpoints): { issuer: string; jwksUrl: string } {
  if (issuer === undefined || jwks === undefined) throw refuseIdToken('the provider has no issuer or no jwks_url')
  return { issuer, jwksUrl: jwks }
}

const headerSchema = z.object({
  alg: z.string(),
  kid: z.string().max(256).optional(),
  typ: z
    .string()
    .regex(/^(application\/)?jwt$/i) // RFC 8725 section 3.11: an access or logout token is no id_token
    .optional(),
  // RFC 7515 section 4.1.11 and RFC 7797: we understand no extension. `jku`, `x5u` and `jwk` are simply not read.
  crit: z.undefined().optional(),
  b64: z.undefined().optional(),
})

function readHeader(idToken: string, allowedAlgs: readonly string[]): WantedKey {
  const parsed = headerSchema.safeParse(headerOf(idToken))
  if (!parsed.success) throw refuseIdToken('its header is not one of a signed id_token')
  const { alg, kid } = parsed.data
  // Never `none`, never an HMAC keyed with the public key.
  if (!knownAlgs.has(alg) || !allowedAlgs.includes(alg)) throw refuseIdToken('its signature algorithm is not allowed')
  return { alg, kid }
}

function headerOf(idToken: string): unknown {
  try {
    return idToken.split('.').length === 3 ? decodeProtectedHeader(idToken) : undefined
  } catch {
    return undefined
  }
}

async function verifySignature(
  keySets: KeySets,
  jwksUrl: string,
  idToken: string,
  wanted: WantedKey,
): Promise<unknown> {
  const payload = await tryKeys(await keySets.find(jwksUrl, wanted), idToken, wanted.alg)
  if (payload !== undefined) return payload
  // Without a key id a rotation shows only in the failed trial.
  const newer = wanted.kid === undefined ? await keySets.findNewer(jwksUrl, wanted) : []
  const second = await tryKeys(newer, idToken, wanted.alg)
  if (second === undefined) throw refuseIdToken('no published key made its signature')
  return second
}

async function tryKeys(keys: readonly SigningKey[], idToken: string, alg: string): Promise<unknown> {
  for (const key of keys) {
    try {
      const { payload } = await compactVerify(idToken, toJwk(key, alg), { algorithms: [alg] })
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) ?? {}
    } catch {
      // Another key, or no key at all: the library's error would quote the token.
    }
  }
  return undefined
}
