import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import type { Database } from './database.js'

/**
 * A sign that this process lives: an advisory lock held by a session of its own. Others who find it free may end our leases
 * early. Nothing is ever allowed because it is held, so that losing it costs time and never a token.
 */
export type Liveness = {
  /** Random and positive; the lock's number. */
  owner: bigint
  /** False while the session is away: leases taken then end by time only. */
  isHeld(): boolean
  close(): Promise<void>
}

const heartbeatMs = 1_000
const longestPauseMs = 5_000

/** Behind a pooler in transaction mode a session lock has no session to live in: it is then never held. */
export function startLiveness(database: Database): Liveness {
  const owner = randomBytes(8).readBigUInt64BE() >> 1n
  const closing = new AbortController()
  let held = false
  const setHeld = (now: boolean): void => void (held = now)
  const running = database.preparedStatements ? keepLock(database, owner, closing.signal, setHeld) : undefined
  return {
    owner,
    isHeld: () => held,
    async close() {
      closing.abort()
      await running
    },
  }
}

async function keepLock(
  database: Database,
  owner: bigint,
  closing: AbortSignal,
  setHeld: (now: boolean) => void,
): Promise<void> {
  let pauseMs = 0
  while (!closing.aborted) {
    const session = database.newSession()
    const lost = new AbortController()
    session.on('error', () => lost.abort())
    session.on('end', () => lost.abort())
    lost.signal.addEventListener('abort', () => setHeld(false))
    try {
      await session.connect()
      await lockAndBeat(session, owner, AbortSignal.any([closing, lost.signal]), () => {
        pauseMs = 0
        setHeld(true)
      })
    } catch {
      // The database is away or ended the session: both show in the log of whoever needs it for work.
    } finally {
      setHeld(false)
      await session.end().catch(() => undefined)
    }
    await pause(pauseMs, undefined, { signal: closing }).catch(() => undefined)
    pauseMs = Math.min(Math.max(pauseMs * 2, 100), longestPauseMs)
  }
}

async function lockAndBeat(session: pg.Client, owner: bigint, ended: AbortSignal, onHeld: () => void): Promise<void> {
  await session.query('select pg_advisory_lock($1)', [String(owner)])
  onHeld()
  while (!ended.aborted) {
    await pause(heartbeatMs, undefined, { signal: ended }).catch(() => undefined)
    await session.query('select 1') // throws when the session is gone, also when nobody told us
  }
}
