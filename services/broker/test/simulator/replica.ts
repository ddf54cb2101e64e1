import { needsRefresh } from '../../src/domain/credentials.js'
import type { Demand } from '../../src/domain/refresh-protocol.js'
import type { Grant } from './attempt.js'
import { DatabaseAway, execute, type Replica } from './cluster.js'
import { places } from './faults.js'
import type { Call } from './journal.js'
import { KeysUnavailable, refreshOnce } from './refresh.js'
import type { Routine } from './world.js'

// Owns the counterparts of src/flows/refresh-token.ts (one flight per replica and connection) and src/flows/read-token.ts.
// One connection per run: connections share nothing in the protocol.

export type Outcome = { kind: 'granted'; grant: Grant } | { kind: 'refused'; reason: string }

export type Flight = { outcome: Outcome | undefined; readonly waiting: ((cause: 'input') => void)[] }

/** A caller that wants a token: `fresh` reads one, `newer_than` forces a refresh. */
export type Request = { kind: 'fresh'; minTtlMs: number } | { kind: 'newer_than'; ifVersion: number | undefined }

/** Who joins a flight gets what it brings, also when others have moved on while that was on its way from the database. */
const staleMs = 1_000

/** Sends a caller to a replica; one that is down answers nobody. */
export function receive(replica: Replica, request: Request): Call {
  const { world, journal } = replica.cluster
  const call: Call = {
    process: replica.process.name,
    life: replica.process.life,
    demand: request.kind,
    askedAtMs: world.nowMs,
    floorVersion: journal.judged.findLast(({ atMs }) => atMs <= world.nowMs - staleMs)?.version ?? 1,
    answer: replica.process.isUp ? undefined : { kind: 'refused', reason: 'down' },
  }
  journal.calls.push(call)
  world.start(replica.process, answerCall(replica, request, call))
  return call
}

function* answerCall(replica: Replica, request: Request, call: Call): Routine<void> {
  const outcome = yield* request.kind === 'fresh' ? readToken(replica, request.minTtlMs) : refreshNow(replica, request.ifVersion) // prettier-ignore
  call.answer =
    outcome.kind === 'refused'
      ? outcome
      : { kind: 'served', accessToken: outcome.grant.credentials.accessToken, version: outcome.grant.version }
  replica.cluster.world.note?.(`${replica.process.name} answers ${request.kind}: ${tell(call.answer)}`)
}

const tell = (answer: Call['answer'] & object): string =>
  answer.kind === 'served' ? `${answer.accessToken.trim()} (version ${answer.version})` : answer.reason

function* readToken(replica: Replica, minTtlMs: number): Routine<Outcome> {
  const row = yield* readRow(replica)
  if (row.kind === 'refused') return row
  const { version, credentials, attempt } = row
  const held: Outcome = { kind: 'granted', grant: { credentials, version } }
  if (attempt !== 'captured' && !needsRefresh(credentials.expiresAtMs, wallClock(replica), minTtlMs)) return held
  if (credentials.refreshToken === undefined && attempt !== 'captured') return held
  const outcome = yield* refresh(replica, { kind: 'fresh', minTtlMs })
  if (outcome.kind === 'granted') return outcome
  const stillLives = attempt !== 'captured' && !needsRefresh(credentials.expiresAtMs, wallClock(replica), 0)
  return transient.has(outcome.reason) && stillLives ? held : outcome
}

const transient = new Set([
  'provider_unavailable',
  'provider_rate_limited',
  'provider_misconfigured',
  'provider_bad_response',
  'refresh_in_progress',
])

function* refreshNow(replica: Replica, ifVersion: number | undefined): Routine<Outcome> {
  const row = yield* readRow(replica)
  if (row.kind === 'refused') return row
  return yield* refresh(replica, { kind: 'newer_than', version: ifVersion ?? row.version })
}

function* readRow(replica: Replica) {
  const { statements } = replica.cluster.protocol
  try {
    const row = yield* execute(replica, places.read, (at, server) => statements.view(at, server, false))
    if (row.status !== 'active') return { kind: 'refused', reason: row.reason ?? row.status } as const
    return { kind: 'read', ...row } as const
  } catch (error) {
    return refusalFor(error)
  }
}

const wallClock = (replica: Replica): number => replica.cluster.world.nowMs + replica.skewMs

function* refresh(replica: Replica, demand: Demand): Routine<Outcome> {
  if (replica.flight !== undefined) {
    const shared = yield* join(replica, replica.flight)
    // A shared flight that failed fails all who waited for it.
    if (shared.kind === 'refused' || isMet(replica, demand, shared.grant)) return shared
  }
  return yield* join(replica, replica.flight ?? takeOff(replica, demand))
}

const isMet = (replica: Replica, demand: Demand, grant: Grant): boolean =>
  demand.kind === 'newer_than'
    ? grant.version > demand.version
    : !needsRefresh(grant.credentials.expiresAtMs, wallClock(replica), demand.minTtlMs)

function* join(replica: Replica, flight: Flight): Routine<Outcome> {
  if (flight.outcome === undefined) {
    flight.waiting.push(replica.cluster.world.waker())
    yield
  }
  if (flight.outcome === undefined) throw new Error('woken before the flight ended')
  return flight.outcome
}

function takeOff(replica: Replica, demand: Demand): Flight {
  const flight: Flight = { outcome: undefined, waiting: [] }
  replica.flight = flight
  replica.cluster.world.start(replica.process, fly(replica, flight, demand))
  return flight
}

function* fly(replica: Replica, flight: Flight, demand: Demand): Routine<void> {
  flight.outcome = yield* run(replica, demand)
  if (replica.flight === flight) replica.flight = undefined
  if (replica.attempt !== undefined) replica.attempt.state = 'ended'
  replica.attempt = undefined
  for (const wake of flight.waiting) replica.cluster.world.after(0, () => wake('input'))
}

function* run(replica: Replica, demand: Demand): Routine<Outcome> {
  try {
    const { result, attempt } = yield* refreshOnce(replica, demand)
    if (result.kind === 'not_active') return { kind: 'refused', reason: 'not_active' }
    if (result.kind === 'failed') return { kind: 'refused', reason: result.reason }
    const { grant, stored, row } = attempt
    if (grant !== undefined && grant.answer.accessToken === undefined)
      return { kind: 'refused', reason: 'provider_bad_response' }
    if (row === undefined) throw new Error('a refresh ended without a look')
    const brought = stored ?? { credentials: row.credentials, version: row.version }
    if (brought.version < row.version)
      replica.cluster.journal.outdated.push(
        `${replica.process.name} answers ${brought.version} having seen ${row.version}`,
      )
    return { kind: 'granted', grant: brought }
  } catch (error) {
    return refusalFor(error)
  }
}

/** What a caller is told of a fault. Everything else is a defect of the protocol or of its performer, and ends the run. */
function refusalFor(error: unknown): { kind: 'refused'; reason: string } {
  if (error instanceof DatabaseAway) return { kind: 'refused', reason: 'database_unavailable' }
  if (error instanceof KeysUnavailable) return { kind: 'refused', reason: 'keys_unavailable' }
  throw error
}
