import type { AuditEntry, BrokerEvent } from '../../domain/events.js'

// What the flows require of whoever keeps the record of what happened.

/** Audit row, counter and log line of one event. Resolves when the row is durable, where the event demands that. */
export type Report = (event: BrokerEvent) => Promise<void>

/** Counter and log line of an event whose audit row a store has written in the statement that made it true. */
export type Announce = (event: BrokerEvent) => void

export type AuditStore = {
  /** Batched; resolves when the entry is durable. */
  append(entry: AuditEntry): Promise<void>
  /** For entries that nobody waits for: batched with more patience. `onLost` when it can never be written. */
  note(entry: AuditEntry, onLost: () => void): void
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

export type StoredSegment = { number: number; sealed: Buffer }

/** Where the sealed segments of the audit are kept, numbered 1, 2, 3 … */
export type AuditSegmentStore = {
  last(): Promise<StoredSegment | undefined>
  /** In order, after a number. */
  list(after: number, limit: number): Promise<StoredSegment[]>
  /**
   * The last of at most `limit` rows after an id to which no row can be added any more. Waits a moment for writers and makes
   * none wait; undefined when there is no row, or a writer takes longer.
   */
  settled(after: string, limit: number): Promise<string | undefined>
  /** Count, digest (hex SHA-256) and newest time of the rows in `(after, upTo]`. */
  digest(after: string, upTo: string): Promise<{ rows: number; rowsDigest: string; newestAt: Date | undefined }>
  /** False when another replica has added that number. */
  add(segment: StoredSegment & { upTo: string; newestAt: Date }): Promise<boolean>
  /** The first segments that are not retired yet, and whether all their rows are older than `days`. */
  unretired(days: number, limit: number): Promise<(StoredSegment & { isOld: boolean })[]>
  /** Compare-and-set; housekeeping may throw the rows away afterwards. */
  retire(number: number, from: Buffer, to: Buffer): Promise<boolean>
  countAfter(id: string): Promise<number>
}
