import { ServiceError } from '@dromos/contract'
import { digestOfSecret, isSameDigest } from '../domain/api-key.js'
import { parseApiKey, type Caller } from '../domain/caller.js'
import type { PresentedKeys } from '../domain/presented-key.js'
import type { Ports } from './ports/ports.js'

type AuthenticatePorts = Pick<Ports, 'clients' | 'now'>

/** `isForwarded`: a gateway vouches for the caller, so what it says of the caller's address is believed for the audit. */
export type Authentication = { caller: Caller; isForwarded: boolean }

export type Authenticate = (presented: PresentedKeys) => Promise<Authentication>

/** Keys from the environment belong to the operator of a single-tenant installation. */
const operator = { tenantId: 'default', clientId: 'operator', roles: ['agent', 'admin', 'gateway'] } as const

const anonymous: Caller = {
  tenantId: 'default',
  clientId: 'anonymous',
  keyId: 'anonymous',
  roles: ['agent', 'admin'],
  mayReadRefreshTokens: false,
}

/**
 * Proves who calls. One key is the caller. Two keys are a gateway (`X-API-Key`, role `gateway`) and the caller it speaks for
 * (`Authorization`). Throws `missing_api_key`; `invalid_api_key`, the same for unknown, wrong, expired and revoked keys;
 * `invalid_request` when somebody who is no gateway shows two keys.
 */
export function createAuthenticator(
  ports: AuthenticatePorts,
  settings: { apiKeys: readonly string[]; requireApiKey: boolean },
): Authenticate {
  const operatorKeys = settings.apiKeys.map((key) => toOperatorKey(key))
  const prove = (key: string): Promise<Caller> => proveKey(ports, operatorKeys, key)
  return async ({ apiKey, authorization }) => {
    const key = authorization ?? apiKey
    if (key === undefined) {
      if (!settings.requireApiKey) return { caller: anonymous, isForwarded: false }
      throw new ServiceError('missing_api_key', 'send X-API-Key, or Authorization with Bearer or Basic')
    }
    if (apiKey === undefined || authorization === undefined) return { caller: await prove(key), isForwarded: false }
    const peer = await prove(apiKey)
    if (peer.roles.includes('gateway')) return { caller: await prove(authorization), isForwarded: true }
    if (apiKey === authorization) return { caller: peer, isForwarded: false }
    throw new ServiceError('invalid_request', 'two different keys were presented: only a gateway may speak for others')
  }
}

type OperatorKey = { digest: Buffer; caller: Caller }

function toOperatorKey(key: string): OperatorKey {
  const digest = digestOfSecret(key)
  const keyId = `env_${digest.toString('hex').slice(0, 8)}`
  return { digest, caller: { ...operator, keyId, mayReadRefreshTokens: false } }
}

const noDigest = Buffer.alloc(32)

async function proveKey(ports: AuthenticatePorts, operatorKeys: readonly OperatorKey[], text: string): Promise<Caller> {
  // Every comparison is made, on digests: how long it takes says nothing about which byte was wrong (ASVS 11.2.4).
  const digest = digestOfSecret(text)
  const [own] = operatorKeys.filter((each) => isSameDigest(each.digest, digest))
  if (own !== undefined) return own.caller
  const key = parseApiKey(text)
  const record = key === undefined ? undefined : await ports.clients.findKey(key.keyId)
  const isSecretRight = isSameDigest(record?.secretDigest ?? noDigest, digestOfSecret(key?.secret ?? ''))
  const isLive = record !== undefined && !record.isRevoked && !(record.expiresAt && record.expiresAt <= ports.now())
  if (!isSecretRight || !isLive) throw new ServiceError('invalid_api_key', 'the API key is not valid')
  const { tenantId, clientId, keyId, roles, mayReadRefreshTokens } = record
  return { tenantId, clientId, keyId, roles, mayReadRefreshTokens }
}
