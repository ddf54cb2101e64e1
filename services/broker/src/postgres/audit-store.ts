import { ServiceError } from '@dromos/contract'
import type { EventType } from '../domain/events.js'
import type { AuditRow, AuditStore } from '../flows/ports/audit.js'
import { createAuditWriter } from './audit-writer.js'
import type { Database } from './database.js'
import { query } from './query.js'

// What happened before a caller was known (a refused key, a stray callback) has no tenant. It is shown to the operators: the
// admins of the tenant that every installation has.
const listStatement = `
  select id, created_at, tenant_id, connection_id, event_type, event_data, client_id, key_id, request_id,
         host(ip_address) as ip_address, user_agent
  from audit_events
  where (tenant_id = :tenantId or (tenant_id is null and :tenantId = 'default'))
    and (:eventType::text is null or event_type = :eventType)
    and (:connectionId::text is null or connection_id = :connectionId)
    and (:clientId::text is null or client_id = :clientId)
    and (:since::timestamptz is null or created_at >= :since)
    and (:until::timestamptz is null or created_at < :until)
    and (:before::bigint is null or id < :before)
  order by id desc limit :limit`

type Columns = {
  id: string
  created_at: Date
  tenant_id: string | null
  connection_id: string | null
  event_type: EventType
  event_data: Record<string, unknown>
  client_id: string | null
  key_id: string | null
  request_id: string | null
  ip_address: string | null
  user_agent: string | null
}

export function createAuditStore(database: Database, now: () => Date): AuditStore & { close(): Promise<void> } {
  const writer = createAuditWriter(database, now)
  return {
    ...writer,
    async list(auditQuery) {
      if (auditQuery.before !== undefined && !/^\d{1,18}$/.test(auditQuery.before))
        throw new ServiceError('invalid_cursor', 'the cursor is none of this listing')
      return (await query<Columns>(database.knex, listStatement, { ...auditQuery })).map(toAuditRow)
    },
  }
}

const toAuditRow = (row: Columns): AuditRow => ({
  id: row.id,
  createdAt: row.created_at,
  tenantId: row.tenant_id ?? undefined,
  connectionId: row.connection_id ?? undefined,
  eventType: row.event_type,
  eventData: row.event_data,
  clientId: row.client_id ?? undefined,
  keyId: row.key_id ?? undefined,
  requestId: row.request_id ?? undefined,
  ipAddress: row.ip_address ?? undefined,
  userAgent: row.user_agent ?? undefined,
})
