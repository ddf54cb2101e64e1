import type { ConnectionKey } from '../domain/connection.js'
import type { Actor } from '../domain/events.js'
import type { ConsentOf } from './ports/connections.js'
import { revokeGrant, type RevokePorts } from './revoke-grant.js'
import { type RejectPorts, revokeRejected } from './revoke-rejected.js'

// Owns the revocations of this process: the one a caller waits for, and those that are due again. Any number of processes
// may run one: rows say whose turn it is.

export type Revoker = {
  /** Tries the connection's revocation if it is due; resolves when that try is over, at the latest after `patienceMs`. Never throws. */
  revokeNow(key: ConnectionKey, actor: Actor, patienceMs: number): Promise<void>
  /** The same for what a consent brought and was not taken. */
  revokeRejected(request: ConsentOf, actor: Actor, patienceMs: number): Promise<void>
  /** Takes no new ones and resolves when those under way have ended. */
  drain(): Promise<void>
}

/** Longer than any try takes: two calls of a provider at most, ten seconds each, and their commits. */
const holdMs = 60_000
const mostPerRound = 20

/** Starts looking for due revocations every `pollMs`. */
export function startRevoker(ports: RevokePorts & RejectPorts, ourselves: Actor, pollMs: number): Revoker {
  const closing = new AbortController()
  const underWay = new Set<Promise<unknown>>()

  const track = <T>(work: Promise<T>): Promise<T> => {
    underWay.add(work)
    const forget = (): void => void underWay.delete(work)
    work.then(forget, forget)
    return work
  }

  /** False when nothing was due. A failure leaves the row to whoever finds it next, when its hold is over. */
  const runOne = async (key: ConnectionKey | undefined, actor: Actor): Promise<boolean> => {
    try {
      const revocation = await ports.revocations.claim(key, holdMs)
      if (revocation !== undefined) await revokeGrant(ports, revocation, actor)
      return revocation !== undefined
    } catch {
      return false
    }
  }
  const runRejected = async (request: ConsentOf | undefined, actor: Actor): Promise<boolean> => {
    try {
      const rejected = await ports.rejectedGrants.claim(request, holdMs)
      if (rejected !== undefined) await revokeRejected(ports, rejected, actor)
      return rejected !== undefined
    } catch {
      return false
    }
  }

  const poll = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await pause(pollMs * (0.5 + Math.random()), closing.signal)
      for (const run of [runOne, runRejected])
        for (let count = 0; count < mostPerRound && !closing.signal.aborted; count++)
          if (!(await track(run(undefined, ourselves)))) break
    }
  }
  const polling = poll()

  const patiently = async (run: () => Promise<unknown>, patienceMs: number): Promise<void> => {
    if (closing.signal.aborted) return
    const isOver = new AbortController()
    await Promise.race([track(run()), pause(patienceMs, isOver.signal)])
    isOver.abort()
  }

  return {
    revokeNow: (key, actor, patienceMs) => patiently(() => runOne(key, actor), patienceMs),
    revokeRejected: (request, actor, patienceMs) => patiently(() => runRejected(request, actor), patienceMs),
    async drain() {
      closing.abort()
      await Promise.allSettled([...underWay, polling])
    },
  }
}

/** Resolves after `ms`, or as soon as the signal aborts. Keeps no process alive. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    timer.unref()
    signal.addEventListener('abort', end, { once: true })
  })
}
