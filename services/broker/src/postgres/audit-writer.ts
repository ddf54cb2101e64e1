import { setTimeout as pause } from 'node:timers/promises'
import { ServiceError } from '@dromos/contract'
import type { AuditEntry } from '../domain/events.js'
import { type AuditRowJson, insertAuditRows, toAuditRow } from './audit-row.js'
import type { Database } from './database.js'
import { isUnreachable } from './database-errors.js'
import { prepareStatement } from './prepare-statement.js'

const insertStatement = insertAuditRows(':rows::jsonb')

const gatherMs = 2
/** Entries nobody waits for: reads of tokens, at any load the most. So few statements write them that they cost little. */
const gatherNotedMs = 25
const batchRows = 500
const capacity = 20_000
const appendPatienceMs = 5_000
const closePatienceMs = 5_000
const longestPauseMs = 2_000

type Pending = { row: AuditRowJson; done(): void; failed(error: unknown): void }

export type AuditWriter = {
  append(entry: AuditEntry): Promise<void>
  note(entry: AuditEntry, onLost: () => void): void
  close(): Promise<void>
}

/**
 * Writes entries in the order they came, many in one statement. While the database is away they wait here, up to a number;
 * an `append` that waits long is refused with `database_unavailable`, and its entry is still written later. After an
 * ambiguous commit a batch is written again: an entry may stand there twice, never not at all.
 */
export function createAuditWriter(database: Database, now: () => Date): AuditWriter {
  const write = prepareStatement(database, 'audit_insert', insertStatement)
  const insert: Insert = async (batch) => {
    await write(database.pool, { rows: JSON.stringify(batch.map((each) => each.row)) })
  }
  const queue: Pending[] = []
  let timer: NodeJS.Timeout | undefined
  let dueAtMs = Infinity
  let writing: Promise<void> | undefined
  let closesAtMs = Infinity

  const begin = (): void => {
    clearTimeout(timer)
    dueAtMs = Infinity
    writing ??= drain().finally(() => {
      writing = undefined
      if (queue.length > 0) beginWithin(gatherMs) // came after the last look
    })
  }
  /** Begins within so many milliseconds; what is being written now takes along whatever comes. */
  const beginWithin = (ms: number): void => {
    const dueMs = performance.now() + ms
    if (writing !== undefined || dueMs >= dueAtMs) return
    clearTimeout(timer)
    dueAtMs = dueMs
    timer = setTimeout(begin, ms)
  }
  const isFull = (): boolean => queue.length >= capacity || closesAtMs !== Infinity

  const drain = async (): Promise<void> => {
    let pauseMs = 25
    while (queue.length > 0) {
      const batch = queue.slice(0, batchRows)
      const isWritten = await writeBatch(insert, batch)
      if (isWritten) {
        queue.splice(0, batch.length)
        pauseMs = 25
      } else if (performance.now() > closesAtMs) {
        for (const each of queue.splice(0)) each.failed(unavailable())
      } else {
        await pause(pauseMs)
        pauseMs = Math.min(pauseMs * 2, closesAtMs === Infinity ? longestPauseMs : 100)
      }
    }
  }

  return {
    append(entry) {
      if (isFull()) return Promise.reject(unavailable())
      const written = new Promise<void>((done, failed) => queue.push({ row: toAuditRow(entry, now()), done, failed }))
      beginWithin(gatherMs)
      return withPatience(written)
    },
    note(entry, onLost) {
      if (isFull()) return onLost()
      queue.push({ row: toAuditRow(entry, now()), done: ignore, failed: onLost })
      beginWithin(gatherNotedMs)
    },
    async close() {
      closesAtMs = performance.now() + closePatienceMs
      begin()
      await writing
    },
  }
}

const ignore = (): void => undefined

type Insert = (batch: readonly Pending[]) => Promise<void>

/** True when the entries need no further attempt: written, or refused one by one. */
async function writeBatch(insert: Insert, batch: readonly Pending[]): Promise<boolean> {
  try {
    await insert(batch)
    for (const each of batch) each.done()
    return true
  } catch (error) {
    if (isUnreachable(error)) return false
    const [only] = batch
    if (batch.length === 1) only?.failed(error)
    // One entry that the table refuses must not take the others with it.
    else for (const each of batch) while (!(await writeBatch(insert, [each]))) await pause(longestPauseMs)
    return true
  }
}

async function withPatience(written: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const impatience = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(unavailable()), appendPatienceMs).unref()
  })
  await Promise.race([written, impatience]).finally(() => clearTimeout(timer))
}

const unavailable = (): ServiceError =>
  new ServiceError('database_unavailable', 'the audit cannot be written now: try again shortly', {
    retryAfterSeconds: 2,
  })
