import { consentLimits } from '@dromos/contract'
import type { AuthorizationRequestStore } from '../flows/ports/connections.js'
import type { Vault } from '../flows/ports/vault.js'
import { consentPatienceMs, persist } from './commit-lane.js'
import type { Database } from './database.js'
import { openFlowSecrets, sealFlowSecrets } from './flow-secrets.js'
import { insertRequest } from './insert-request.js'
import { query } from './query.js'
import { type RequestColumns, requestColumns, toRequest } from './request-columns.js'

// The lock makes parallel claimers wait; each then sees the row as the one before left it. RETURNING would show the row
// after the update, without its secrets, so they are taken from the locked row.
const claimStatement = `
  with held as (
    select tenant_id, id, sealed_secrets, claimed_at is not null as is_used, expires_at <= now() as is_expired
    from authorization_requests where tenant_id = :tenantId and id = :id
    for update
  ), claimed as (
    update authorization_requests r set claimed_at = now(), sealed_secrets = null
    from held where r.tenant_id = held.tenant_id and r.id = held.id and not held.is_used and not held.is_expired
    returning r.id
  )
  select held.is_used, held.is_expired, held.sealed_secrets, exists (select 1 from claimed) as is_claimed from held`

type ClaimColumns = { is_used: boolean; is_expired: boolean; sealed_secrets: Buffer | null; is_claimed: boolean }

const isOpen = 'claimed_at is null and expires_at > now()'

export function createAuthorizationRequestStore(database: Database, vault: Vault): AuthorizationRequestStore {
  const { knex } = database
  const updates = async (sql: string, bindings: Parameters<typeof query>[2]): Promise<boolean> =>
    (await query(knex, `${sql} returning id`, bindings)).length === 1
  return {
    async find(tenantId, id) {
      const sql = `select ${requestColumns} from authorization_requests r where r.tenant_id = :tenantId and r.id = :id`
      const [row] = await query<RequestColumns>(knex, sql, { tenantId, id })
      return row && toRequest(row)
    },

    async findByLink(id) {
      const sql = `select ${requestColumns} from authorization_requests r where r.id = :id limit 2`
      const rows = await query<RequestColumns>(knex, sql, { id })
      // The id is unique within a tenant only; two of 160 random bits do not meet by chance.
      return rows.length === 1 && rows[0] ? toRequest(rows[0]) : undefined
    },

    async secrets(tenantId, id) {
      const [row] = await query<{ connection_id: string; sealed_secrets: Buffer | null }>(
        knex,
        `select connection_id, sealed_secrets from authorization_requests
         where tenant_id = :tenantId and id = :id and claimed_at is null`,
        { tenantId, id },
      )
      if (!row?.sealed_secrets) return undefined
      return openFlowSecrets(vault, { id, key: { tenantId, connectionId: row.connection_id } }, row.sealed_secrets)
    },

    bindBrowser: ({ key, id }, browserDigest) =>
      updates(
        `update authorization_requests set browser_digest = :browserDigest
         where tenant_id = :tenantId and id = :id and ${isOpen}`,
        { tenantId: key.tenantId, id, browserDigest },
      ),

    complete: (request, supplied) =>
      updates(
        `update authorization_requests
         set variables = :variables::jsonb, snapshot = :snapshot::jsonb, sealed_secrets = :sealedSecrets
         where tenant_id = :tenantId and id = :id and ${isOpen} and variables is null`,
        {
          tenantId: request.key.tenantId,
          id: request.id,
          variables: JSON.stringify(supplied.variables),
          snapshot: supplied.snapshot && JSON.stringify(supplied.snapshot),
          sealedSecrets: sealFlowSecrets(vault, request, supplied.secrets),
        },
      ),

    add: (request) => insertRequest(knex, vault, request),

    capture: (request, sealed) =>
      // An authorization code works once: what it brought is as precious as a rotated refresh token.
      persist(database, consentPatienceMs, async (lane) => {
        await query(
          lane,
          // Whoever judges it is done long before the ten minutes, or has died and left a live grant behind.
          `update authorization_requests set sealed_captured = :sealed, revoke_after = now() + make_interval(secs => :dropSeconds)
           where tenant_id = :tenantId and id = :id`,
          { tenantId: request.key.tenantId, id: request.id, sealed, dropSeconds: consentLimits.uncompletedMs / 1000 },
        )
      }),

    async claim(request) {
      const bindings = { tenantId: request.key.tenantId, id: request.id }
      const [row] = await query<ClaimColumns>(knex, claimStatement, bindings)
      if (!row?.is_claimed) return { kind: row?.is_expired && !row.is_used ? 'expired' : 'used' }
      const secrets = row.sealed_secrets ? openFlowSecrets(vault, request, row.sealed_secrets) : undefined
      return { kind: 'claimed', secrets }
    },
  }
}
