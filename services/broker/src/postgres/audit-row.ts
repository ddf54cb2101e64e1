import { isIP } from 'node:net'
import type { AuditEntry } from '../domain/events.js'

// Owns what a row of audit_events is made of. Does not own when it is written: audit-writer.ts, or the statement that makes true
// what it tells of.

const columns =
  'created_at, tenant_id, connection_id, event_type, event_data, client_id, key_id, request_id, ip_address, user_agent'

const definitions = `created_at timestamptz, tenant_id text, connection_id text, event_type text, event_data jsonb,
  client_id text, key_id text, request_id text, ip_address inet, user_agent text`

/** SQL that inserts the rows of a JSON array; `rows` is an expression, over `from` if it is given. */
export const insertAuditRows = (rows: string, from?: string): string => `
  insert into audit_events (${columns})
  select audited.*
  from ${from === undefined ? '' : `${from} cross join lateral `}jsonb_to_recordset(${rows}) as audited (${definitions})`

/** Stands in JSON, as `insertAuditRows` takes it. */
export type AuditRowJson = Readonly<Record<string, unknown>>

export const toAuditRow = (entry: AuditEntry, at: Date): AuditRowJson => ({
  created_at: at.toISOString(),
  tenant_id: storable(entry.tenantId),
  connection_id: storable(entry.connectionId),
  event_type: entry.eventType,
  event_data: entry.eventData,
  client_id: storable(entry.clientId),
  key_id: storable(entry.keyId),
  request_id: storable(entry.requestId),
  ip_address: toInet(entry.ipAddress),
  user_agent: storable(entry.userAgent?.slice(0, 512)),
})

const maybeUnstorable = /[\u0000\ud800-\udfff]/ // any surrogate; whole pairs are common only in some languages

// PostgreSQL stores neither NUL nor half a surrogate pair.
const storable = (text: string | undefined): string | undefined =>
  text !== undefined && maybeUnstorable.test(text) ? text.replaceAll('\u0000', '').replace(/\p{Surrogate}/gu, '') : text

/** An address PostgreSQL can read; a zone (`fe80::1%eth0`) means nothing off its host. */
function toInet(address: string | undefined): string | undefined {
  const plain = address?.split('%')[0] ?? ''
  return isIP(plain) === 0 ? undefined : plain
}
