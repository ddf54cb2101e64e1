import { drawRandom } from './draw-random.js'

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz' // Crockford base32: no letter reads as another

/** 160 random bits as 32 characters (ASVS 11.5.1: a UUID's 122 bits of a non-CSPRNG scheme do not qualify). */
export function randomId(): string {
  let id = ''
  for (const byte of drawRandom(32)) id += alphabet[byte & 31]
  return id
}

/** Connection ids are opaque to callers; `cn_` tells them apart in logs. */
export const newConnectionId = (): string => `cn_${randomId()}`

/** Names one authorization request: the row behind `state` and behind the `/auth/start/` link. */
export const newAuthorizationRequestId = (): string => `ar_${randomId()}`

const connectionId = /^cn_[0-9a-hjkmnp-tv-z]{32}$/
const authorizationRequestId = /^ar_[0-9a-hjkmnp-tv-z]{32}$/
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

// Connections migrated from the Go system keep their UUID.
export const isConnectionId = (value: string): boolean => connectionId.test(value) || uuid.test(value)
export const isAuthorizationRequestId = (value: string): boolean => authorizationRequestId.test(value)
export const isProviderId = (value: string): boolean => uuid.test(value)
