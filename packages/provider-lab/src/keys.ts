import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { signerFor, type JsonObject, type Signer, type SigningAlg } from './jose.js'

export type SigningKey = {
  kid: string
  alg: SigningAlg
  privateKey: KeyObject
  publicKey: KeyObject
  sign: Signer
  jwk(): JsonObject
}

export type KeyRing = {
  alg: SigningAlg
  /** The only published key; made on first use, because an RSA key takes longer than a whole test. */
  current(): SigningKey
  /** The next signature comes from a new key with a new `kid`; the old one leaves the JWKS at once. */
  rotate(): void
  /** The `n`th key of the same type that never signs: an innocent neighbour in the JWKS. */
  decoy(n: number): SigningKey
}

// Every provider starts at `key-1` on purpose: a client that caches keys by kid alone, across issuers, is caught.
export function createKeyRing(alg: SigningAlg): KeyRing {
  let generation = 1
  let current: SigningKey | undefined
  const decoys = new Map<number, SigningKey>()
  return {
    alg,
    current: () => (current ??= makeKey(`key-${generation}`, alg)),
    rotate: () => {
      generation += 1
      current = undefined
    },
    decoy: (n) => {
      const decoy = decoys.get(n) ?? makeKey(`decoy-${n}`, alg)
      decoys.set(n, decoy)
      return decoy
    },
  }
}

function makeKey(kid: string, alg: SigningAlg): SigningKey {
  const { privateKey, publicKey } = keyPairFor(alg)
  const jwk = (): JsonObject => ({ ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' })
  return { kid, alg, privateKey, publicKey, sign: signerFor(alg, privateKey), jwk }
}

function keyPairFor(alg: SigningAlg): { privateKey: KeyObject; publicKey: KeyObject } {
  switch (alg) {
    case 'RS256':
    case 'PS256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 })
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    case 'EdDSA':
      return generateKeyPairSync('ed25519')
  }
}
