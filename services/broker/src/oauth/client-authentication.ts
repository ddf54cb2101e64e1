import { importJWK, type CryptoKey } from 'jose'
import {
  ClientSecretBasic,
  ClientSecretPost,
  modifyAssertion,
  None,
  PrivateKeyJwt,
  type ClientAuth,
} from 'openid-client'
import type { AuthenticationTarget } from '../domain/authentication-target.js'
import type { ClientSecrets, OAuthProvider } from '../domain/provider.js'

/**
 * The ways to authenticate the client, in the order to try them: one per secret while a change of secret is being rolled
 * out. Empty when the profile's method lacks its secret, or its key cannot sign. The same ways serve exchange and refresh (fault 39 of the
 * Go original).
 */
export async function clientAuthentications(
  provider: OAuthProvider,
  { secrets, privateKeyJwk }: ClientSecrets,
  { audience, secretMethod }: AuthenticationTarget,
): Promise<readonly ClientAuth[]> {
  switch (provider.clientAuthentication ?? secretMethod ?? 'client_secret_post') {
    case 'client_secret_basic': // RFC 6749 section 2.3.1: the library form-encodes id and secret
      return secrets.map((secret) => ClientSecretBasic(secret))
    case 'client_secret_post':
      return secrets.map((secret) => ClientSecretPost(secret))
    case 'none':
      return [None()]
    case 'private_key_jwt':
      return privateKeyJwk === undefined ? [] : usable(privateKeyJwk, audience)
  }
}

async function usable(jwk: Readonly<Record<string, unknown>>, audience: string): Promise<readonly ClientAuth[]> {
  try {
    return [await privateKeyJwt(jwk, audience)]
  } catch {
    return [] // the error could quote the key
  }
}

/** RFC 7523 section 3. Throws when the key cannot sign. */
async function privateKeyJwt(jwk: Readonly<Record<string, unknown>>, audience: string): Promise<ClientAuth> {
  const alg = typeof jwk['alg'] === 'string' ? jwk['alg'] : defaultAlg(jwk)
  const key = await importJWK({ ...jwk, kty: String(jwk['kty']) }, alg)
  if (!isPrivateKey(key)) throw new Error('the client key is no private key')
  const kid = typeof jwk['kid'] === 'string' ? { kid: jwk['kid'] } : {}
  return PrivateKeyJwt(
    { key, ...kid },
    {
      [modifyAssertion]: (header, payload) => {
        payload['aud'] = audience
        // RFC 9864 renames it to Ed25519, which few providers know yet.
        if (header['alg'] === 'Ed25519') header['alg'] = 'EdDSA'
      },
    },
  )
}

function defaultAlg(jwk: Readonly<Record<string, unknown>>): string {
  if (jwk['kty'] === 'RSA') return 'RS256'
  if (jwk['kty'] === 'OKP') return 'EdDSA'
  return jwk['crv'] === 'P-384' ? 'ES384' : 'ES256'
}

const isPrivateKey = (key: CryptoKey | Uint8Array): key is CryptoKey => 'type' in key && key.type === 'private'
