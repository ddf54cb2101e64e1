import { ServiceError } from '@dromos/contract'
import type { ConnectionKey } from '../domain/connection.js'
import type { ConnectionDetails, ListedStatus } from '../domain/connection-details.js'
import type { SchedulePolicy } from '../domain/provider.js'
import type { ConnectionQuery } from '../flows/ports/connections.js'
import type { Database } from './database.js'
import { keyBindings, query } from './query.js'
import { toView, type ViewColumns, viewColumns } from './view-columns.js'

// Owns what a person or an agent may read about connections. No ciphertext is selected here.

const detailColumns = `${viewColumns}, c.id, c.workspace_id, c.provider_id, p.name as provider_name, p.auth_type,
  p.deleted_at is not null as is_provider_deleted, c.requested_scopes, c.granted_scope, c.account_issuer,
  c.account_subject, c.account_label, c.variables, c.created_at, c.granted_at, c.expires_at, c.refresh_expires_at,
  p.profile -> 'refresh_policy' ->> 'idle_limit_seconds' as idle_limit_seconds,
  p.profile -> 'refresh_policy' ->> 'absolute_limit_seconds' as absolute_limit_seconds,
  c.last_refreshed_at, c.last_error, c.version, c.refresh_schedule, c.revocation`

const detailTables = `connections c join provider_profiles p on p.id = c.provider_id`

const lastReturnUrl = `(select r.return_url from authorization_requests r
  where r.tenant_id = c.tenant_id and r.connection_id = c.id order by r.created_at desc limit 1) as return_url`

type DetailColumns = ViewColumns & {
  id: string
  workspace_id: string
  provider_id: string
  provider_name: string
  auth_type: string
  is_provider_deleted: boolean
  requested_scopes: string[]
  granted_scope: string | null
  account_issuer: string | null
  account_subject: string | null
  account_label: string | null
  variables: Record<string, string>
  created_at: Date
  granted_at: Date | null
  expires_at: Date | null
  refresh_expires_at: Date | null
  idle_limit_seconds: string | null
  absolute_limit_seconds: string | null
  last_refreshed_at: Date | null
  last_error: string | null
  version: string
  refresh_schedule: SchedulePolicy | null
  revocation: string | null
  return_url?: string | null
}

export async function readDetails({ knex }: Database, key: ConnectionKey): Promise<ConnectionDetails | undefined> {
  const [row] = await query<DetailColumns>(
    knex,
    `select ${detailColumns}, ${lastReturnUrl} from ${detailTables}
     where c.tenant_id = :tenantId and c.id = :connectionId`,
    keyBindings(key),
  )
  return row && toDetails(row)
}

const isExpired = `((c.status = 'pending' and c.consent_expires_at <= now()) or (c.status = 'failed' and c.reason = 'expired'))`

const statusFilter = (status: ListedStatus): string => {
  if (status === 'expired') return `and ${isExpired}`
  const isOther = status === 'pending' || status === 'failed' ? ` and not coalesce(${isExpired}, false)` : ''
  return `and c.status = :status${isOther}`
}

export async function listConnections({ knex }: Database, wanted: ConnectionQuery): Promise<ConnectionDetails[]> {
  const { tenantId, userId, provider, status, after, limit } = wanted
  if (after !== undefined) await requireCursor(knex, { tenantId, connectionId: after })
  const byProvider = provider === undefined ? '' : 'id' in provider ? 'and c.provider_id = :providerId' : byName
  const rows = await query<DetailColumns>(
    knex,
    `select ${detailColumns} from ${detailTables}
     where c.tenant_id = :tenantId
       ${userId === undefined ? '' : 'and c.workspace_id = :userId'}
       ${byProvider}
       ${status === undefined ? '' : statusFilter(status)}
       ${after === undefined ? '' : afterCursor}
     order by c.created_at desc, c.id desc limit :limit`,
    {
      tenantId,
      limit,
      ...(userId === undefined ? {} : { userId }),
      ...(provider === undefined
        ? {}
        : 'id' in provider
          ? { providerId: provider.id }
          : { providerName: provider.name }),
      ...(status === undefined || status === 'expired' ? {} : { status }),
      ...(after === undefined ? {} : { after }),
    },
  )
  return rows.map(toDetails)
}

const byName = `and lower(p.name) = lower(:providerName)`

// Never changed and never deleted, so a page stays where it was whatever is created meanwhile.
const afterCursor = `and (c.created_at, c.id) <
  (select l.created_at, l.id from connections l where l.tenant_id = :tenantId and l.id = :after)`

async function requireCursor(knex: Database['knex'], key: ConnectionKey): Promise<void> {
  const sql = `select 1 from connections where tenant_id = :tenantId and id = :connectionId`
  if ((await query(knex, sql, keyBindings(key))).length === 0)
    throw new ServiceError('invalid_cursor', 'cursor: take next_cursor of the page before')
}

const toDetails = (row: DetailColumns): ConnectionDetails => ({
  ...toView(row),
  id: row.id,
  userId: row.workspace_id,
  provider: {
    id: row.provider_id,
    name: row.provider_name,
    authType: row.auth_type,
    isDeleted: row.is_provider_deleted,
  },
  requestedScopes: row.requested_scopes,
  grantedScope: row.granted_scope ?? undefined,
  account:
    row.account_issuer !== null && row.account_subject !== null
      ? { issuer: row.account_issuer, subject: row.account_subject, label: row.account_label ?? undefined }
      : undefined,
  variables: row.variables,
  createdAt: row.created_at,
  grantedAt: row.granted_at ?? undefined,
  expiresAt: row.expires_at ?? undefined,
  refreshExpiresAt: row.refresh_expires_at ?? undefined,
  idleLimitSeconds: numberOf(row.idle_limit_seconds),
  absoluteLimitSeconds: numberOf(row.absolute_limit_seconds),
  lastRefreshedAt: row.last_refreshed_at ?? undefined,
  lastError: row.last_error ?? undefined,
  version: Number(row.version),
  refreshSchedule: row.refresh_schedule ?? undefined,
  revocation: row.revocation ?? undefined,
  returnUrl: row.return_url ?? undefined,
})

const numberOf = (text: string | null): number | undefined => (text === null ? undefined : Number(text))
