import { createHash, randomBytes } from 'node:crypto'
import { calculateJwkThumbprint, importJWK, SignJWT } from 'jose'
import type { DpopKey } from '../domain/dpop-key.js'

// Owns proofs of possession (RFC 9449) and the nonces that servers want in them. Does not own whether a grant is bound.

export type DpopTarget = {
  method: string
  /** Query and fragment are left out of the proof. */
  url: string
  /** Binds the proof to this access token, for a resource server. */
  accessToken?: string | undefined
  /** Of the resource server, when somebody else talks to it; else the newest one this process was given. */
  nonce?: string | undefined
}

export type DpopProofs = {
  /** A fresh proof; each request needs one of its own (section 7.3). */
  prove(key: DpopKey, target: DpopTarget): Promise<string>
  /** Remembers the nonce of an answer; true when it is a new one. */
  note(url: string, nonce: string | undefined): boolean
}

const maxEndpoints = 500
const maxNonceLength = 1024

export function createDpopProofs({ now }: { now(): Date }): DpopProofs {
  // Section 8.2 and 9: the newest one, and never one server's at another. By endpoint, because many servers share an origin.
  const nonces = new Map<string, string>()
  return {
    async prove({ d, ...jwk }, { method, url, accessToken, nonce }) {
      const htu = endpointOf(url)
      const wanted = nonce ?? nonces.get(htu)
      const claims = {
        jti: randomBytes(16).toString('base64url'),
        htm: method,
        htu,
        ...(accessToken === undefined ? {} : { ath: createHash('sha256').update(accessToken).digest('base64url') }),
        ...(wanted === undefined ? {} : { nonce: wanted }),
      }
      return new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .setIssuedAt(now())
        .sign(await importJWK({ ...jwk, d }, 'ES256'))
    },

    note(url, nonce) {
      if (nonce === undefined || nonce.length > maxNonceLength) return false
      const endpoint = endpointOf(url)
      const isNew = nonces.get(endpoint) !== nonce
      nonces.delete(endpoint)
      nonces.set(endpoint, nonce)
      const oldest = nonces.keys().next()
      if (nonces.size > maxEndpoints && !oldest.done) nonces.delete(oldest.value)
      return isNew
    },
  }
}

const endpointOf = (url: string): string => {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}

/** RFC 9449 section 10: binds the authorization code to the key as well. */
export const dpopThumbprint = ({ d: _private, ...jwk }: DpopKey): Promise<string> => calculateJwkThumbprint(jwk)
