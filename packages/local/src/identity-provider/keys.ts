import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { JWK } from 'oidc-provider'

/** The signing keys and the secret that signs cookies; kept so that ids and sessions survive a restart. */
export type ProviderKeys = { jwks: { keys: JWK[] }; cookieSecret: string }

/** Reads the keys, or makes an RS256 and an ES256 key at the first call (file mode 0600). */
export function loadOrCreateKeys(path: string): ProviderKeys {
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as ProviderKeys
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  const keys = [describe(rsa, 'RS256'), describe(ec, 'ES256')]
  const made: ProviderKeys = { jwks: { keys }, cookieSecret: randomBytes(32).toString('base64url') }
  writeFileSync(path, JSON.stringify(made), { mode: 0o600, flag: 'wx' })
  return made
}

function describe(key: object, alg: string): JWK {
  return { ...key, alg, use: 'sig', kid: randomBytes(8).toString('base64url') }
}
