import type { ConnectionStore, CredentialsRow } from '../flows/ports/connections.js'
import type { Vault } from '../flows/ports/vault.js'
import { failConsent, prepareActivation, prepareTarget } from './activate-connection.js'
import { listConnections, readDetails } from './connection-listing.js'
import { createConnections } from './create-connections.js'
import type { Database } from './database.js'
import { type DueColumns, type HeldColumns, heldColumns, leaseColumnsWhenDue, toLeaseRow } from './lease-row.js'
import { prepareRead } from './prepared-read.js'
import { query } from './query.js'
import { toView, type ViewColumns, viewColumns } from './view-columns.js'

// A poll after a reconnect must not read the old end as the answer: while a person is at it, the connection waits.
const statusRead = `
  select ${viewColumns}, c.status in ('attention', 'failed', 'revoked') and exists (
    select 1 from authorization_requests r
    where r.tenant_id = c.tenant_id and r.connection_id = c.id and r.finished_at is null and r.expires_at > now()
      and (r.claimed_at is null or r.claimed_at > now() - interval '30 seconds' or r.connect_code_expires_at > now())) as is_reconnecting
  from connections c where c.tenant_id = $1 and c.id = $2`

const credentialsRead = `
  select ${heldColumns}, p.name as provider_name, p.strategy, p.deleted_at is not null as is_provider_deleted, due.*
  from connections c join provider_profiles p on p.id = c.provider_id ${leaseColumnsWhenDue}
  where c.tenant_id = $1 and c.id = $2`

type ReadColumns = HeldColumns & {
  provider_name: string
  strategy: CredentialsRow['strategy']
  is_provider_deleted: boolean
} & (DueColumns | { is_leased: null })

export function createConnectionStore(database: Database, vault: Vault, now: () => Date): ConnectionStore {
  const readStatus = prepareRead<ViewColumns & { is_reconnecting: boolean }>(database, 'connection_status', statusRead)
  const readRow = prepareRead<ReadColumns>(database, 'connection_credentials', credentialsRead)
  return {
    create: createConnections(database, vault, now),

    async view({ tenantId, connectionId }) {
      const row = await readStatus(tenantId, connectionId)
      return row && { ...toView(row), ...(row.is_reconnecting ? { isReconnecting: true } : {}) }
    },

    async readCredentials({ tenantId, connectionId }) {
      const row = await readRow(tenantId, connectionId)
      return row && toCredentialsRow(row)
    },

    activationTarget: prepareTarget(database),
    activate: prepareActivation(database, now),
    fail: (request, reason) => failConsent(database, request, reason),

    async isAccountConnected(providerId, { issuer, subject }) {
      const rows = await query(
        database.knex,
        `select 1 from connections
         where provider_id = :providerId and account_subject = :subject and account_issuer = :issuer and status = 'active'
         limit 1`,
        { providerId, issuer, subject },
      )
      return rows.length > 0
    },

    details: (key) => readDetails(database, key),
    list: (wanted) => listConnections(database, wanted),
  }
}

const toCredentialsRow = (row: ReadColumns): CredentialsRow => ({
  providerId: row.provider_id,
  providerName: row.provider_name,
  isProviderDeleted: row.is_provider_deleted,
  strategy: row.strategy,
  version: Number(row.version),
  attempt: row.attempt_state,
  sealedCredentials: row.sealed_credentials ?? undefined,
  leaseRow: row.is_leased === null ? undefined : toLeaseRow(row),
  ...toView(row),
})
