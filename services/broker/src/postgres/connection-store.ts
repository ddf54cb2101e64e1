import type { ConnectionKey, ConnectionReason, ConnectionStatus, ConnectionView } from '../domain/connection.js'
import type { AttemptState } from '../domain/refresh-protocol.js'
import type { ConnectionStore, CredentialsRow, Vault } from '../flows/ports.js'
import { persist } from './commit-lane.js'
import type { Database } from './database.js'
import { insertConnection } from './insert-connection.js'
import { prepareRead } from './prepared-read.js'
import { keyBindings, query } from './query.js'

export type ViewColumns = { status: ConnectionStatus; reason: ConnectionReason | null; is_consent_expired: boolean }

/** SQL of `ViewColumns` over a `connections` row named `c`. */
export const viewColumns = `c.status, c.reason,
  c.status = 'pending' and coalesce(c.consent_expires_at <= now(), false) as is_consent_expired`

export const toView = (row: ViewColumns): ConnectionView => ({
  status: row.status,
  reason: row.reason ?? undefined,
  isConsentExpired: row.is_consent_expired,
})

const statusRead = `select ${viewColumns} from connections c where c.tenant_id = $1 and c.id = $2`

const credentialsRead = `
  select ${viewColumns}, c.version, c.attempt_state, c.sealed_credentials,
         c.provider_id, p.name as provider_name, p.strategy, p.deleted_at is not null as is_provider_deleted
  from connections c join provider_profiles p on p.id = c.provider_id
  where c.tenant_id = $1 and c.id = $2`

type ReadColumns = ViewColumns & {
  version: string
  attempt_state: AttemptState
  sealed_credentials: Buffer | null
  provider_id: string
  provider_name: string
  strategy: CredentialsRow['strategy']
  is_provider_deleted: boolean
}

/** How long a consent keeps trying to store what it brought; its person is waiting at the redirect. */
const consentPatienceMs = 8_000

export function createConnectionStore(database: Database, vault: Vault): ConnectionStore {
  const readStatus = prepareRead<ViewColumns>(database, 'connection_status', statusRead)
  const readRow = prepareRead<ReadColumns>(database, 'connection_credentials', credentialsRead)
  return {
    create: (connection, request) => insertConnection(database.knex, vault, connection, request),

    async view({ tenantId, connectionId }) {
      const row = await readStatus(tenantId, connectionId)
      return row && toView(row)
    },

    async readCredentials({ tenantId, connectionId }) {
      const row = await readRow(tenantId, connectionId)
      return row && toCredentialsRow(row)
    },

    captureFirst: (key, captured) =>
      // An authorization code works once: what it brought is as precious as a rotated refresh token.
      persist(database, consentPatienceMs, async (lane) => {
        const rows = await query(
          lane,
          `update connections
           set sealed_credentials = :sealed, version = 1, expires_at = :expiresAt, granted_scope = :grantedScope,
               attempt_state = 'captured', updated_at = now()
           where tenant_id = :tenantId and id = :connectionId and status = 'pending'
           returning id`,
          {
            ...keyBindings(key),
            sealed: captured.sealed,
            expiresAt: toDate(captured.expiresAtMs),
            grantedScope: captured.grantedScope,
          },
        )
        return rows.length === 1
      }),

    async activate(key, result) {
      const rows = await query(
        database.knex,
        `update connections
         set status = 'active', reason = null, attempt_state = 'idle', variables = :variables::jsonb,
             account_issuer = :issuer, account_subject = :subject, account_label = :label,
             granted_to_client_id = :clientId, granted_at_origin = :origin, updated_at = now()
         where tenant_id = :tenantId and id = :connectionId and status = 'pending' and sealed_credentials is not null
         returning id`,
        {
          ...keyBindings(key),
          variables: JSON.stringify(result.variables),
          issuer: result.account?.issuer,
          subject: result.account?.subject,
          label: result.account?.label,
          clientId: result.grantedToClientId,
          origin: result.grantedAtOrigin,
        },
      )
      return rows.length === 1
    },

    fail: (key, reason) => fail(database, key, reason),
  }
}

async function fail(database: Database, key: ConnectionKey, reason: ConnectionReason): Promise<boolean> {
  const rows = await query(
    database.knex,
    `update connections
     set status = 'failed', reason = :reason, sealed_credentials = null, expires_at = null, attempt_state = 'idle',
         updated_at = now()
     where tenant_id = :tenantId and id = :connectionId and status = 'pending'
     returning id`,
    { ...keyBindings(key), reason },
  )
  return rows.length === 1
}

const toCredentialsRow = (row: ReadColumns): CredentialsRow => ({
  ...toView(row),
  providerId: row.provider_id,
  providerName: row.provider_name,
  isProviderDeleted: row.is_provider_deleted,
  strategy: row.strategy,
  version: Number(row.version),
  attempt: row.attempt_state,
  sealedCredentials: row.sealed_credentials ?? undefined,
})

export const toDate = (ms: number | undefined): Date | undefined => (ms === undefined ? undefined : new Date(ms))
