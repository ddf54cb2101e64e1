import type { Fault, Faults, Place, StatementPlaces } from './faults.js'
import { freezeSeconds } from './faults.js'
import type { AttemptRecord, Journal } from './journal.js'
import type { Protocol } from './protocol.js'
import type { ModelGrant, ModelProvider, ProviderKind } from './provider-model.js'
import type { Flight } from './replica.js'
import type { Row, Server } from './row-model.js'
import type { Process, Routine, World } from './world.js'

// Owns the replicas, their database and what faults do to them. Does not own the protocol (refresh.ts) nor its rows.

export type Replica = {
  readonly cluster: Cluster
  readonly process: Process
  /** Its wall clock is off by this much; monotonic time is not. */
  readonly skewMs: number
  /** The session that holds its liveness lock: away until a moment, and noticed to be away from another on. */
  session: { backAtMs: number; noticedAtMs: number }
  flight: Flight | undefined
  attempt: AttemptRecord | undefined
}

export type Cluster = {
  readonly world: World
  readonly protocol: Protocol
  readonly kind: ProviderKind
  /** Each answer comes with an id_token, whose keys have to be asked for before it may be served. */
  readonly verifiesIdentity: boolean
  readonly provider: ModelProvider
  /** The grant of the last consent that was swapped in. */
  grant: ModelGrant
  readonly journal: Journal
  readonly row: Row
  readonly replicas: Replica[]
  faults: Faults
  database: { incarnation: number; upAtMs: number }
}

/** The database cannot be reached, or the outcome of the statement is unknown. */
export class DatabaseAway extends Error {}

const isLockHeld = ({ cluster, process, session }: Replica): boolean =>
  process.isUp && cluster.world.nowMs >= session.backAtMs

/** What the process believes of its own lock. */
export const believesLockHeld = (replica: Replica): boolean =>
  isLockHeld(replica) || replica.cluster.world.nowMs < replica.session.noticedAtMs

export const serverOf = (cluster: Cluster): Server => ({
  nowMs: cluster.world.nowMs,
  incarnation: cluster.database.incarnation,
  // A process that died and came back holds a lock of another number.
  isLockFree: (owner) =>
    !cluster.replicas.some((each) => `${each.process.name}/${each.process.life}` === owner && isLockHeld(each)),
})

export const ownerOf = ({ process }: Replica): string => `${process.name}/${process.life}`

/** Runs one statement. Throws DatabaseAway; the statement may have been executed all the same. */
export function* execute<T>(
  replica: Replica,
  at: StatementPlaces,
  statement: (row: Row, server: Server) => T,
): Routine<T> {
  const { cluster } = replica
  const { world } = cluster
  const isRefused = (yield* pass(replica, at.before)) === 'statement_failed'
  const { life } = replica.process
  const reply: { of: { value: T } | undefined } = { of: undefined }
  const wake = world.waker()
  world.after(statementMs(world), () => {
    if (!isRefused && world.nowMs >= cluster.database.upAtMs) {
      const value = statement(cluster.row, serverOf(cluster))
      const fault = strike(replica, at.done, life)
      if (fault !== 'result_unheard' && fault !== 'database_crash') reply.of = { value }
    }
    world.after(statementMs(world), () => wake('input'))
  })
  yield
  if (reply.of === undefined) {
    world.note?.(`${replica.process.name} ${at.before.name.split('.')[0]}: the database is away`)
    throw new DatabaseAway()
  }
  return reply.of.value
}

// Mostly a round trip, now and then a stall.
const statementMs = ({ random }: World): number => (random.chance(0.03) ? random.between(20, 400) : 1)

/** Passes a boundary in the process's own course: what a fault means for the effect at hand, when it is not the process's. */
export function* pass(replica: Replica, place: Place): Routine<Fault | undefined> {
  const { cluster, process } = replica
  const { life } = process
  const fault = strike(replica, place, life)
  if (fault === undefined) return undefined
  if (process.life !== life) yield // died: nobody wakes it
  if (process.thawsAtMs > cluster.world.nowMs) {
    const wake = cluster.world.waker()
    wake('input')
    yield
  }
  return fault
}

/** Lets the fault that is due at a boundary happen. */
export function strike(replica: Replica, place: Place, life: number): Fault | undefined {
  const { cluster, process } = replica
  const fault = cluster.faults.at(place)
  if (fault === undefined) return undefined
  if (process.life !== life) return fault === 'database_crash' ? befall(replica, fault) : undefined
  cluster.world.note?.(`${process.name} ${place.name}: ${fault.toUpperCase()}`)
  return befall(replica, fault)
}

function befall(replica: Replica, fault: Fault): Fault {
  const { random } = replica.cluster.world
  switch (fault) {
    case 'crash':
      kill(replica, random.between(200, 5_000))
      break
    case 'nap':
    case 'doze':
    case 'freeze':
      freeze(replica, fault, random.between(freezeSeconds[fault][0] * 1000, freezeSeconds[fault][1] * 1000))
      break
    case 'session_lost':
      loseSession(replica, random.between(100, 5_000))
      break
    case 'database_crash':
      crashDatabase(replica.cluster, random.between(300, 4_000))
      break
    default:
      break
  }
  return fault
}

function kill(replica: Replica, downMs: number): void {
  hide(replica, 'crash')
  replica.flight = undefined
  replica.attempt = undefined
  replica.cluster.world.kill(replica.process, downMs)
  replica.session = { backAtMs: replica.cluster.database.upAtMs, noticedAtMs: 0 }
}

function freeze(replica: Replica, fault: Fault, ms: number): void {
  const { cluster, process, attempt, session } = replica
  if (!process.isUp) return
  cluster.world.freeze(process, ms)
  const isTooLong = attempt !== undefined && process.thawsAtMs >= Math.min(attempt.leaseEndsAtMs, attempt.answerDueMs)
  if (isTooLong) hide(replica, fault)
  // A frozen process keeps the session it has and opens no new one.
  if (session.backAtMs > cluster.world.nowMs) session.backAtMs += ms
}

function loseSession(replica: Replica, awayMs: number): void {
  const { world } = replica.cluster
  const startMs = Math.max(world.nowMs, replica.process.thawsAtMs)
  const noticedAtMs = startMs + world.random.between(0, 1_000)
  replica.session = { backAtMs: startMs + awayMs, noticedAtMs: Math.min(noticedAtMs, startMs + awayMs) }
  if (replica.attempt !== undefined) replica.attempt.lostSession = true
}

function crashDatabase(cluster: Cluster, downMs: number): void {
  const { database, world } = cluster
  database.incarnation++
  database.upAtMs = Math.max(database.upAtMs, world.nowMs + downMs)
  for (const each of cluster.replicas) loseSession(each, downMs + world.random.between(100, 3_000))
}

/** The answer of a call that is outstanding does not become durable in time, because of this. */
export function hide({ attempt }: Replica, fault: Fault): void {
  if (attempt?.state !== 'outstanding') return
  // A frozen process still has the answer when it thaws; a dead one has nothing.
  if (attempt.hiddenBy === undefined || fault === 'crash') attempt.hiddenBy = fault
}
