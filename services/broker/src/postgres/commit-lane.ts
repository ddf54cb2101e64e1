import { setTimeout as pause } from 'node:timers/promises'
import type { Knex } from 'knex'
import type { Database } from './database.js'
import { isUnreachable } from './database-errors.js'

const firstPauseMs = 25
const longestPauseMs = 2_000
/** A database that answers and refuses will seldom change its mind; one that is away comes back. */
const refusalsBorne = 4

/** Milliseconds for which a consent keeps trying to store what it brought: its person is waiting at the redirect. */
export const consentPatienceMs = 8_000

/**
 * Stores something that exists nowhere else and must not be lost, over the reserved sessions: again and again with capped
 * backoff while the database is away, until it is stored, `patienceMs` is over, or the process closes. `work` must be safe
 * to repeat: a broken session leaves open whether its statement was committed. Throws what `work` threw last.
 */
export async function persist<T>(database: Database, patienceMs: number, work: (lane: Knex) => Promise<T>): Promise<T> {
  const startedAtMs = performance.now()
  let refusals = 0
  for (let attempt = 0; ; attempt++) {
    try {
      return await work(database.commitLane)
    } catch (error) {
      if (!isUnreachable(error)) refusals++
      const isOver = performance.now() - startedAtMs > patienceMs || database.closing.aborted
      if (isOver || refusals > refusalsBorne) throw error
    }
    const pauseMs = Math.min(firstPauseMs * 2 ** attempt, longestPauseMs) * (0.5 + Math.random() / 2)
    // close() wakes the wait; the attempt after it is the last.
    await pause(pauseMs, undefined, { signal: database.closing }).catch(() => undefined)
  }
}
