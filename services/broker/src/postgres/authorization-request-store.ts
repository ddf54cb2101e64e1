import { consentLimits } from '@dromos/contract'
import type { AuthorizationRequestStore } from '../flows/ports/connections.js'
import type { Vault } from '../flows/ports/vault.js'
import { consentPatienceMs, persist } from './commit-lane.js'
import type { Database } from './database.js'
import { openFlowSecrets, sealFlowSecrets } from './flow-secrets.js'
import { insertRequest } from './insert-request.js'
import { prepareStatement } from './prepare-statement.js'
import { prepareWrite, toHex, toWanted, wantedKey, wantedRows } from './prepare-write.js'
import { prepareRead } from './prepared-read.js'
import { query } from './query.js'
import { type RequestColumns, requestColumns, toRequest } from './request-columns.js'
import { revisionOfProvider } from './resolved-providers.js'

// The lock makes parallel claimers wait; each then sees the row as the one before left it. RETURNING would show the row
// after the update, without its secrets, so they are taken from the locked row.
const claimStatement = `
  with held as (
    select w.position, r.*
    from ${wantedRows} as w (${wantedKey})
    cross join lateral (
      select tenant_id, id, provider_id, sealed_secrets,
             claimed_at is not null as is_used, expires_at <= now() as is_expired
      from authorization_requests where tenant_id = w.tenant_id and id = w.request_id
      for update
    ) r
  ), claimed as (
    update authorization_requests r set claimed_at = now(), sealed_secrets = null
    from held where r.tenant_id = held.tenant_id and r.id = held.id and not held.is_used and not held.is_expired
    returning r.tenant_id, r.id
  )
  select held.position, held.is_used, held.is_expired, held.sealed_secrets, claimed.id is not null as is_claimed,
    (select ${revisionOfProvider} from provider_profiles p where p.id = held.provider_id) as provider_revision
  from held left join claimed using (tenant_id, id)`

type ClaimColumns = {
  is_used: boolean
  is_expired: boolean
  sealed_secrets: Buffer | null
  is_claimed: boolean
  provider_revision: string
}
type SecretsColumns = { connection_id: string; sealed_secrets: Buffer | null }

const isOpen = 'claimed_at is null and expires_at > now()'

const findStatement = `
  select ${requestColumns} from authorization_requests r where r.tenant_id = $1 and r.id = $2`

const secretsStatement = `
  select connection_id, sealed_secrets from authorization_requests
  where tenant_id = :tenantId and id = :id and claimed_at is null`

const bindStatement = `
  update authorization_requests set browser_digest = :browserDigest
  where tenant_id = :tenantId and id = :id and ${isOpen} returning id`

// Whoever judges it is done long before the ten minutes, or has died and left a live grant behind.
const captureStatement = `
  update authorization_requests r
  set sealed_captured = w.sealed, revoke_after = now() + make_interval(secs => w.drop_seconds)
  from ${wantedRows} as w (${wantedKey}, sealed bytea, drop_seconds float8)
  where r.tenant_id = w.tenant_id and r.id = w.request_id`

export function createAuthorizationRequestStore(database: Database, vault: Vault): AuthorizationRequestStore {
  const { knex, pool, commitPool } = database
  const find = prepareRead<RequestColumns>(database, 'request_find', findStatement)
  const readSecrets = prepareStatement<SecretsColumns>(database, 'request_secrets', secretsStatement)
  const bind = prepareStatement(database, 'request_bind', bindStatement)
  const claim = prepareWrite<ClaimColumns>(database, 'request_claim', claimStatement, { on: pool, atOnce: 2 })
  const capture = prepareWrite(database, 'request_capture', captureStatement, { on: commitPool, atOnce: 1 })
  return {
    async find(tenantId, id) {
      const row = await find(tenantId, id)
      return row && toRequest(row)
    },

    async findByLink(id) {
      const sql = `select ${requestColumns} from authorization_requests r where r.id = :id limit 2`
      const rows = await query<RequestColumns>(knex, sql, { id })
      // The id is unique within a tenant only; two of 160 random bits do not meet by chance.
      return rows.length === 1 && rows[0] ? toRequest(rows[0]) : undefined
    },

    async secrets(tenantId, id) {
      const [row] = await readSecrets(pool, { tenantId, id })
      if (!row?.sealed_secrets) return undefined
      return openFlowSecrets(vault, { id, key: { tenantId, connectionId: row.connection_id } }, row.sealed_secrets)
    },

    bindBrowser: async ({ key, id }, browserDigest) =>
      (await bind(pool, { tenantId: key.tenantId, id, browserDigest })).length === 1,

    async complete(request, supplied) {
      const rows = await query(
        knex,
        `update authorization_requests
         set variables = :variables::jsonb, snapshot = :snapshot::jsonb, sealed_secrets = :sealedSecrets
         where tenant_id = :tenantId and id = :id and ${isOpen} and variables is null returning id`,
        {
          tenantId: request.key.tenantId,
          id: request.id,
          variables: JSON.stringify(supplied.variables),
          snapshot: supplied.snapshot && JSON.stringify(supplied.snapshot),
          sealedSecrets: sealFlowSecrets(vault, request, supplied.secrets),
        },
      )
      return rows.length === 1
    },

    add: (request) => insertRequest(knex, vault, request),

    capture: (request, sealed) =>
      // An authorization code works once: what it brought is as precious as a rotated refresh token.
      persist(database, consentPatienceMs, async () => {
        await capture({ sealed: toHex(sealed), drop_seconds: consentLimits.uncompletedMs / 1000, ...toWanted(request) })
      }),

    async claim(request) {
      const row = await claim(toWanted(request))
      if (!row?.is_claimed) return { kind: row?.is_expired && !row.is_used ? 'expired' : 'used' }
      const secrets = row.sealed_secrets ? openFlowSecrets(vault, request, row.sealed_secrets) : undefined
      return { kind: 'claimed', secrets, providerRevision: row.provider_revision }
    },
  }
}
