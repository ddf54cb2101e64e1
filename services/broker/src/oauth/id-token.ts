import type { Endpoints } from '../domain/provider.js'
import type { IdTokenVerifier } from '../flows/ports/oauth.js'
import { judgeClaims, refuseIdToken } from './id-token-claims.js'
import type { KeySets } from './key-sets.js'
import type { Observe } from './observe.js'
import { verifySignedJwt } from './signed-jwt.js'

// Owns the verification of an id_token: signature (signed-jwt.ts), then claims (id-token-claims.ts). Does not own whether
// the account is the one of before: that is the flow's.

export type IdTokenVerifierDependencies = { keySets: KeySets; now(): Date; observe: Observe }

export function createIdTokenVerifier({ keySets, now, observe }: IdTokenVerifierDependencies): IdTokenVerifier {
  return {
    verify: (provider, idToken, expected) =>
      observe(async () => {
        const { issuer, jwksUrl } = trusted(expected.endpoints)
        const { payload, alg } = await verifySignedJwt(keySets, idToken, {
          jwksUrl,
          allowedAlgs: provider.idToken.signingAlgs,
          refuse: refuseIdToken,
        })
        return judgeClaims(payload, alg, {
          issuer,
          issuerTemplate: provider.idToken.issuerTemplate,
          maxLoginAgeSeconds: provider.idToken.maxLoginAgeSeconds,
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
