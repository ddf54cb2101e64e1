import { ServiceError } from '@dromos/contract'

/**
 * agent   works with the connections of its tenant
 * admin   manages providers and clients, reads the audit
 * gateway may present the key of another caller and be believed about that caller's address
 */
export type Role = 'agent' | 'admin' | 'gateway'

/** Who is asking, proven by a key. Every query takes the tenant from here and from nowhere else. */
export type Caller = {
  tenantId: string
  clientId: string
  keyId: string
  roles: readonly Role[]
  mayReadRefreshTokens: boolean
}

/** Throws `access_denied` unless the caller holds the role. */
export function requireRole(caller: Caller, role: Role): void {
  if (!caller.roles.includes(role)) throw new ServiceError('access_denied', `this needs a key with the role "${role}"`)
}

/** `dk_<id>_<secret>`: the id is public and indexed, only the SHA-256 of the secret is stored. */
export type ApiKey = { keyId: string; secret: string }

const pattern = /^(dk_[0-9a-z]{16})_([0-9A-Za-z]{43})$/

/** Parses a presented key; undefined when it has another form (it may still be one of `API_KEYS`). */
export function parseApiKey(text: string): ApiKey | undefined {
  const match = pattern.exec(text)
  return match?.[1] === undefined || match[2] === undefined ? undefined : { keyId: match[1], secret: match[2] }
}
