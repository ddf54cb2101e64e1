import type { AuditEntry, BrokerEvent } from '../../domain/events.js'

// What the flows require of whoever keeps the record of what happened.

/** Audit row, counter and log line of one event. Resolves when the row is durable, where the event demands that. */
export type Report = (event: BrokerEvent) => Promise<void>

export type AuditStore = {
  /** Batched; resolves when the entry is durable. */
  append(entry: AuditEntry): Promise<void>
  /** Newest first. */
  list(query: AuditQuery): Promise<AuditRow[]>
}

export type AuditQuery = {
  tenantId: string
  eventType: string | undefined
  connectionId: string | undefined
  clientId: string | undefined
  since: Date | undefined
  until: Date | undefined
  /** Id of the last row seen. */
  before: string | undefined
  limit: number
}

export type AuditRow = AuditEntry & { id: string; createdAt: Date }
