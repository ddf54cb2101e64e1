import { ServiceError } from '@dromos/contract'
import { digestOfSecret, formatApiKey, newApiKey } from '../domain/api-key.js'
import type { Role } from '../domain/caller.js'
import type { Actor } from '../domain/events.js'
import type { Ports } from './ports/ports.js'

type ClientPorts = Pick<Ports, 'clients' | 'report' | 'now'>

/** Who did it, without the tenant: that is the one the key belongs to, so that its admins find the event. */
export type Operator = Omit<Actor, 'tenantId'>

export type KeyWish = {
  tenantId: string
  clientName: string
  roles: readonly Role[]
  mayReadRefreshTokens: boolean
  /** undefined = the key never expires. */
  expiresInDays: number | undefined
}

/** `key` is the only copy of the secret there will ever be. */
export type CreatedKey = { key: string; keyId: string; clientId: string; tenantId: string; expiresAt: Date | undefined }

const dayMs = 24 * 60 * 60 * 1000
const maxDays = 3650

/**
 * Makes a key, with tenant and client when they are new. Throws `invalid_request` (names, days, or a client of that name with
 * other rights) and `too_many_keys`: two live keys are enough to roll one out while the other works.
 */
export async function createKey(ports: ClientPorts, operator: Operator, wish: KeyWish): Promise<CreatedKey> {
  checkWish(wish)
  const { tenantId, clientName: name, mayReadRefreshTokens, expiresInDays } = wish
  const roles = [...new Set(wish.roles)]
  const actor: Actor = { ...operator, tenantId }
  const { clientId, isNew } = await ports.clients.ensureClient({ tenantId, name, roles, mayReadRefreshTokens })
  if (isNew) await ports.report({ type: 'client.created', actor, data: { client_id: clientId, roles } })
  const key = newApiKey()
  const expiresAt = expiresInDays === undefined ? undefined : new Date(ports.now().getTime() + expiresInDays * dayMs)
  await ports.clients.addKey(tenantId, clientId, {
    keyId: key.keyId,
    secretDigest: digestOfSecret(key.secret),
    expiresAt,
  })
  const data = { client_id: clientId, key_id: key.keyId, ...(expiresAt ? { expires_at: expiresAt.toISOString() } : {}) }
  await ports.report({ type: 'key.created', actor, data })
  return { key: formatApiKey(key), keyId: key.keyId, clientId, tenantId, expiresAt }
}

/** Takes effect at every replica within seconds. Throws `key_not_found`. */
export async function revokeKey(ports: ClientPorts, operator: Operator, keyId: string): Promise<void> {
  const record = await ports.clients.findKey(keyId)
  if (record === undefined) throw new ServiceError('key_not_found', 'no such key')
  await ports.clients.revokeKey(keyId)
  const { tenantId, clientId } = record
  await ports.report({
    type: 'key.revoked',
    actor: { ...operator, tenantId },
    data: { client_id: clientId, key_id: keyId },
  })
}

export type CompletionRule = 'required' | 'optional'

/**
 * Says whether a tenant's connections have to be completed by its application (A5). Holds for consents that are asked for
 * from now on. Throws `invalid_request`.
 */
export async function setCompletion(
  ports: ClientPorts,
  operator: Operator,
  tenantId: string,
  rule: CompletionRule,
): Promise<void> {
  checkTenant(tenantId)
  if (!(await ports.clients.requireCompletion(tenantId, rule === 'required'))) return
  await ports.report({ type: 'tenant.updated', actor: { ...operator, tenantId }, data: { completion: rule } })
}

function checkTenant(tenantId: string): void {
  if (!/^[a-z0-9][a-z0-9_-]{0,62}$/.test(tenantId))
    throw new ServiceError('invalid_request', 'tenant: 1 to 63 characters of a-z, 0-9, "-" and "_"')
}

function checkWish(wish: KeyWish): void {
  checkTenant(wish.tenantId)
  if (!/^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,99}$/.test(wish.clientName))
    throw new ServiceError('invalid_request', 'client: 1 to 100 letters, digits, spaces and ._@-')
  if (wish.roles.length === 0) throw new ServiceError('invalid_request', 'role: give at least one')
  const days = wish.expiresInDays ?? 1
  if (!Number.isInteger(days) || days < 1 || days > maxDays)
    throw new ServiceError('invalid_request', `expires-in-days: a whole number from 1 to ${maxDays}`)
}
