import type { OAuthCredentials } from '../../src/domain/credentials.js'
import type { RefreshEffect, RefreshEvent } from '../../src/domain/refresh-protocol.js'
import { type Attempt, recordOf, viewed } from './attempt.js'
import { DatabaseAway, execute } from './cluster.js'
import { places, type StatementPlaces } from './faults.js'
import type { Row, Server } from './row-model.js'
import type { Routine } from './world.js'

// Owns the counterparts of src/flows/refresh-capture.ts and src/postgres/commit-lane.ts.

/** Stores what the provider answered, before anything of it is judged. */
export const captureAnswer = (attempt: Attempt): Routine<RefreshEvent> =>
  store(attempt, places.capture, merged(attempt))

/** What is held once the answer is stored. */
export function merged({ row, grant, replica }: Attempt): OAuthCredentials {
  if (row === undefined || grant === undefined) throw new Error('simulated attempt: nothing was answered')
  const credentials = replica.cluster.protocol.merge(row.credentials, grant.answer, grant.receivedAtMs, undefined)
  return grant.answer.accessToken === undefined
    ? { ...credentials, expiresAtMs: row.credentials.expiresAtMs }
    : credentials
}

function* store(attempt: Attempt, at: StatementPlaces, credentials: OAuthCredentials): Routine<RefreshEvent> {
  const { replica } = attempt
  const row = viewed(attempt)
  const { protocol, journal, world } = replica.cluster
  const record = recordOf(attempt)
  const held = { fence: record.fence, version: row.version }
  const version = row.version + 1
  const outcome = yield* persist(attempt, at, (stored, server) => {
    const done = protocol.statements.capture(stored, server, held, credentials)
    if (done === 'stored') {
      journal.stored.set(version, credentials.accessToken)
      record.storedAtMs ??= server.nowMs
      if (at === places.adopt) record.adoption = 'unsettled'
    }
    return done
  })
  world.note?.(`${replica.process.name} ${at.before.name.split('.')[0]} ${credentials.refreshToken}: ${outcome}`)
  if (outcome === 'fenced' && at === places.capture) record.fencedAtMs = world.nowMs
  if (outcome === 'stored') {
    record.state = 'ended'
    attempt.stored = { credentials, version }
  }
  return { type: outcome }
}

/** Stores an answer that leaves nothing to verify, and ends the attempt with it. */
export function* completeRefresh(attempt: Attempt, effect: RefreshEffect & { do: 'complete' }): Routine<RefreshEvent> {
  const { replica } = attempt
  const row = viewed(attempt)
  const { protocol, journal, world } = replica.cluster
  const record = recordOf(attempt)
  const credentials = merged(attempt)
  const version = row.version + 1
  const held = { fence: record.fence, version: row.version }
  const outcome = yield* persist(attempt, places.complete, (stored, server) => {
    const done = protocol.statements.complete(stored, server, held, credentials, effect)
    if (done === 'settled' && record.storedAtMs === undefined) {
      journal.stored.set(version, credentials.accessToken)
      record.storedAtMs = server.nowMs
      journal.judged.push({ atMs: world.nowMs, version })
    }
    return done
  })
  world.note?.(`${replica.process.name} completes with ${credentials.refreshToken}: ${outcome}`)
  if (outcome === 'fenced') record.fencedAtMs = world.nowMs
  else {
    record.state = 'ended'
    attempt.stored = { credentials, version }
  }
  return { type: outcome }
}

/** src/postgres/commit-lane.ts: what exists nowhere else is stored again and again, until it is stored. */
function* persist<T>(attempt: Attempt, at: StatementPlaces, work: (row: Row, server: Server) => T): Routine<T> {
  const { world } = attempt.replica.cluster
  for (let failures = 0; ; failures++) {
    try {
      return yield* execute(attempt.replica, at, work)
    } catch (error) {
      if (!(error instanceof DatabaseAway)) throw error
      recordOf(attempt).storageErrors++
    }
    yield* world.sleep(Math.min(25 * 2 ** failures, 2_000) * (0.5 + world.random.fraction() / 2))
  }
}

export function* fileOrphan(attempt: Attempt): Routine<RefreshEvent> {
  const record = recordOf(attempt)
  const { protocol } = attempt.replica.cluster
  const credentials = merged(attempt)
  yield* persist(attempt, places.file, (row, server) => {
    protocol.statements.fileOrphan(row, server, record.fence, credentials)
    record.storedAtMs ??= server.nowMs
  })
  record.state = 'ended'
  return { type: 'filed' }
}

export function* seekOrphan(attempt: Attempt): Routine<RefreshEvent> {
  const { protocol } = attempt.replica.cluster
  const { fence } = recordOf(attempt)
  const orphan = yield* execute(attempt.replica, places.seek, (row, server) =>
    protocol.statements.findOrphan(row, server, fence),
  )
  if (orphan === undefined) return { type: 'no_orphan' }
  attempt.orphan = { fence: orphan.fence, credentials: orphan.credentials }
  return { type: 'orphan_found', fence: orphan.fence }
}

export function* adoptOrphan(attempt: Attempt): Routine<RefreshEvent> {
  const { orphan } = attempt
  const { protocol } = attempt.replica.cluster
  if (orphan === undefined) throw new Error('simulated attempt: there is no orphan')
  const event = yield* store(attempt, places.adopt, orphan.credentials)
  if (event.type === 'stored')
    yield* execute(attempt.replica, places.mark, (row, server) =>
      protocol.statements.markAdopted(row, server, orphan.fence),
    )
  return event
}
