import { ServiceError } from '@dromos/contract'
import type { Role } from '../domain/caller.js'
import { randomId } from '../domain/ids.js'
import type { ClientStore, KeyRecord, ListedKey, NewClient } from '../flows/ports/clients.js'
import type { Database } from './database.js'
import { isUniqueViolation } from './database-errors.js'
import { createKeyCache } from './key-cache.js'
import { query, transaction } from './query.js'

const liveKeysPerClient = 2 // one in use, one being rolled out

type KeyColumns = {
  tenant_id: string
  client_id: string
  roles: Role[]
  may_read_refresh_tokens: boolean
  secret_digest: Buffer
  expires_at: Date | null
  is_revoked: boolean
}

type ListedColumns = Omit<KeyColumns, 'secret_digest' | 'is_revoked' | 'may_read_refresh_tokens'> & {
  client_name: string
  key_id: string
  created_at: Date
  revoked_at: Date | null
}

export function createClientStore(database: Database, now: () => Date): ClientStore {
  const { knex } = database
  const cache = createKeyCache((keyId) => readKey(database, keyId), now)
  return {
    findKey: (keyId) => cache.get(keyId),

    ensureClient: (client) => ensureClient(database, client),

    async addKey(tenantId, clientId, key) {
      await transaction(knex, async (inside) => {
        const named = { tenantId, clientId }
        // The lock makes parallel additions count each other.
        const clients = await query(
          inside,
          'select id from clients where tenant_id = :tenantId and id = :clientId and revoked_at is null for update',
          named,
        )
        if (clients.length === 0) throw new ServiceError('client_not_found', 'no such client')
        const live = await query(
          inside,
          `select key_id from client_keys where tenant_id = :tenantId and client_id = :clientId
             and revoked_at is null and (expires_at is null or expires_at > now())`,
          named,
        )
        if (live.length >= liveKeysPerClient)
          throw new ServiceError(
            'too_many_keys',
            `a client has at most ${liveKeysPerClient} live keys: revoke one first`,
          )
        await query(
          inside,
          `insert into client_keys (key_id, tenant_id, client_id, secret_digest, expires_at)
           values (:keyId, :tenantId, :clientId, :secretDigest, :expiresAt)`,
          { ...named, ...key },
        )
      })
      cache.forget(key.keyId) // it may be remembered as unknown
    },

    async requireCompletion(tenantId, isRequired) {
      const rows = await query(
        knex,
        `insert into tenants as t (id, name, requires_completion) values (:tenantId, :tenantId, :isRequired)
         on conflict (id) do update set requires_completion = excluded.requires_completion
           where t.requires_completion <> excluded.requires_completion
         returning id`,
        { tenantId, isRequired },
      )
      return rows.length === 1
    },

    async listKeys(tenantId) {
      const rows = await query<ListedColumns>(
        knex,
        `select c.tenant_id, c.id as client_id, c.name as client_name, c.roles, k.key_id, k.created_at, k.expires_at,
                coalesce(k.revoked_at, c.revoked_at) as revoked_at
         from client_keys k join clients c on c.tenant_id = k.tenant_id and c.id = k.client_id
         where :tenantId::text is null or k.tenant_id = :tenantId
         order by k.created_at, k.key_id`,
        { tenantId },
      )
      return rows.map(toListedKey)
    },

    async revokeKey(keyId) {
      const rows = await query(
        knex,
        'update client_keys set revoked_at = coalesce(revoked_at, now()) where key_id = :keyId returning key_id',
        { keyId },
      )
      cache.forget(keyId)
      if (rows.length === 0) throw new ServiceError('key_not_found', 'no such key')
    },
  }
}

async function readKey({ knex }: Database, keyId: string): Promise<KeyRecord | undefined> {
  const [row] = await query<KeyColumns>(
    knex,
    `select k.tenant_id, k.client_id, c.roles, c.may_read_refresh_tokens, k.secret_digest, k.expires_at,
            k.revoked_at is not null or c.revoked_at is not null as is_revoked
     from client_keys k join clients c on c.tenant_id = k.tenant_id and c.id = k.client_id
     where k.key_id = :keyId`,
    { keyId },
  )
  return (
    row && {
      tenantId: row.tenant_id,
      clientId: row.client_id,
      keyId,
      roles: row.roles,
      mayReadRefreshTokens: row.may_read_refresh_tokens,
      secretDigest: row.secret_digest,
      expiresAt: row.expires_at ?? undefined,
      isRevoked: row.is_revoked,
    }
  )
}

type ClientColumns = { id: string; roles: Role[]; may_read_refresh_tokens: boolean }

async function ensureClient({ knex }: Database, client: NewClient): Promise<{ clientId: string; isNew: boolean }> {
  const id = `cl_${randomId()}`
  const { tenantId, name, roles, mayReadRefreshTokens } = client
  await query(knex, 'insert into tenants (id, name) values (:tenantId, :tenantId) on conflict (id) do nothing', {
    tenantId,
  })
  try {
    await query(
      knex,
      `insert into clients (tenant_id, id, name, roles, may_read_refresh_tokens)
       values (:tenantId, :id, :name, :roles, :mayReadRefreshTokens)`,
      { tenantId, id, name, roles, mayReadRefreshTokens },
    )
    return { clientId: id, isNew: true }
  } catch (error) {
    if (!isUniqueViolation(error, 'clients_name')) throw error
  }
  const [held] = await query<ClientColumns>(
    knex,
    `select id, roles, may_read_refresh_tokens from clients
     where tenant_id = :tenantId and name = :name and revoked_at is null`,
    { tenantId, name },
  )
  const isSame =
    held?.may_read_refresh_tokens === mayReadRefreshTokens && [...held.roles].sort().join() === [...roles].sort().join()
  if (!held || !isSame)
    throw new ServiceError('invalid_request', 'a client of this name exists with other rights: choose another name')
  return { clientId: held.id, isNew: false }
}

const toListedKey = (row: ListedColumns): ListedKey => ({
  tenantId: row.tenant_id,
  clientId: row.client_id,
  clientName: row.client_name,
  roles: row.roles,
  keyId: row.key_id,
  createdAt: row.created_at,
  expiresAt: row.expires_at ?? undefined,
  revokedAt: row.revoked_at ?? undefined,
})
