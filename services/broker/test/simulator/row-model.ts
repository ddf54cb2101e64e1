import type { ConnectionReason, ConnectionStatus } from '../../src/domain/connection.js'
import type { OAuthCredentials } from '../../src/domain/credentials.js'
import { type AttemptState, type Lease, refreshTimes } from '../../src/domain/refresh-protocol.js'

// Owns one connection's row and its orphans, with the statements of src/postgres/lease-store.ts, lease-row.ts and
// orphan-store.ts as pure functions over it; row-model.test.ts holds the two against each other on PostgreSQL.
// Does not own when a statement runs or fails: that is database.ts.

export type Row = {
  status: ConnectionStatus
  reason: ConnectionReason | undefined
  version: number
  credentials: OAuthCredentials
  credentialsFence: number
  fence: number
  leaseOwner: string | undefined
  leaseUntilMs: number | undefined
  leaseIncarnation: number | undefined
  suspectSinceMs: number | undefined
  attempt: AttemptState
  backoffUntilMs: number
  failCount: number
  readonly orphans: Orphan[]
}

export type Orphan = { fence: number; credentials: OAuthCredentials; isAdopted: boolean; filedAtMs: number }

/** What a statement learns from its server: the one clock, whether it restarted, and who holds a liveness lock. */
export type Server = { nowMs: number; incarnation: number; isLockFree(owner: string): boolean }

export type View = Pick<Row, 'status' | 'reason' | 'version' | 'credentials' | 'attempt'> & {
  isLeased: boolean
  ownerGoneMs: number | undefined
  backoffMs: number
}

export type Wish = { version: number; owner: string; isLive: boolean; takesOver: boolean; leaseMs: number }

export type Statements = {
  view(row: Row, server: Server, looksAtOwner: boolean): View
  acquire(row: Row, server: Server, wish: Wish): Lease | undefined
  capture(
    row: Row,
    server: Server,
    held: { fence: number; version: number },
    credentials: OAuthCredentials,
  ): 'stored' | 'fenced'
  /** `capture` and `settle` in one. */
  complete(
    row: Row,
    server: Server,
    held: { fence: number; version: number },
    credentials: OAuthCredentials,
    how: Omit<Settle, 'reason'>,
  ): 'settled' | 'fenced'
  settle(row: Row, server: Server, fence: number, how: Settle): 'settled' | 'fenced'
  release(row: Row, server: Server, fence: number, how: Release): void
  fileOrphan(row: Row, server: Server, fence: number, credentials: OAuthCredentials): void
  findOrphan(row: Row, server: Server, belowFence: number): Orphan | undefined
  markAdopted(row: Row, server: Server, fence: number): void
  /** src/postgres/activate-connection.ts: what a later consent brought replaces what is held, under a fence of its own. */
  activate(row: Row, server: Server, target: { fence: number; version: number }, credentials: OAuthCredentials): boolean
}

export type Settle = { reason: ConnectionReason | undefined; attempt: 'idle' | 'in_doubt'; backoffMs: number }

export type Release = { attempt: 'idle' | 'in_doubt'; backoffMs: number; countsAsFailure: boolean }

/** An active connection as a consent leaves it. */
export const newRow = (credentials: OAuthCredentials): Row => ({
  status: 'active',
  reason: undefined,
  version: 1,
  credentials,
  credentialsFence: 0,
  fence: 0,
  leaseOwner: undefined,
  leaseUntilMs: undefined,
  leaseIncarnation: undefined,
  suspectSinceMs: undefined,
  attempt: 'idle',
  backoffUntilMs: 0,
  failCount: 0,
  orphans: [],
})

const isLeased = (row: Row, server: Server): boolean =>
  row.leaseUntilMs !== undefined && row.leaseUntilMs > server.nowMs

function freeLease(row: Row): void {
  row.leaseOwner = row.leaseUntilMs = row.leaseIncarnation = row.suspectSinceMs = undefined
}

/** undefined where the look tells nothing: no lease, or the server restarted since it was taken. */
function lookAtOwner(row: Row, server: Server): number | undefined {
  if (!isLeased(row, server) || row.leaseIncarnation !== server.incarnation || row.leaseOwner === undefined)
    return undefined
  const isFree = server.isLockFree(row.leaseOwner)
  const seenSinceMs = row.suspectSinceMs
  if ((seenSinceMs === undefined) === isFree) row.suspectSinceMs = isFree ? server.nowMs : undefined
  return isFree ? server.nowMs - (seenSinceMs ?? server.nowMs) : undefined
}

const mayTakeOver = (row: Row, server: Server): boolean =>
  row.leaseIncarnation === server.incarnation &&
  row.suspectSinceMs !== undefined &&
  row.suspectSinceMs <= server.nowMs - refreshTimes.ownerGoneMs &&
  row.leaseOwner !== undefined &&
  server.isLockFree(row.leaseOwner)

export const statements: Statements = {
  view(row, server, looksAtOwner) {
    const ownerGoneMs = looksAtOwner ? lookAtOwner(row, server) : undefined
    const { status, reason, version, credentials, attempt } = row
    const backoffMs = Math.max(row.backoffUntilMs - server.nowMs, 0)
    return { status, reason, version, credentials, attempt, isLeased: isLeased(row, server), ownerGoneMs, backoffMs }
  },

  acquire(row, server, wish) {
    if (row.status !== 'active' || row.version !== wish.version || row.backoffUntilMs > server.nowMs) return undefined
    if (isLeased(row, server) && !(wish.takesOver && mayTakeOver(row, server))) return undefined
    const previous = row.attempt
    row.fence++
    row.leaseOwner = wish.owner
    row.leaseUntilMs = server.nowMs + wish.leaseMs
    row.leaseIncarnation = wish.isLive ? server.incarnation : undefined
    row.suspectSinceMs = undefined
    row.attempt = previous === 'captured' ? 'captured' : 'sent'
    return { fence: row.fence, previous, failCount: row.failCount }
  },

  capture(row, _server, held, credentials) {
    if (row.fence !== held.fence) return 'fenced'
    if (row.version === held.version + 1) return 'stored' // our own earlier attempt, whose outcome we never heard
    if (row.version !== held.version || row.status !== 'active') return 'fenced'
    row.credentials = credentials
    row.version++
    row.credentialsFence = row.fence
    row.attempt = 'captured'
    return 'stored'
  },

  complete(row, server, held, credentials, how) {
    const isNew = row.version === held.version
    if (statements.capture(row, server, held, credentials) === 'fenced') return 'fenced'
    return isNew ? statements.settle(row, server, held.fence, { ...how, reason: undefined }) : 'settled'
  },

  settle(row, server, fence, { reason, attempt, backoffMs }) {
    if (row.fence !== fence) return 'fenced'
    freeLease(row)
    row.attempt = attempt
    row.failCount = 0
    row.backoffUntilMs = backoffMs === 0 ? 0 : server.nowMs + backoffMs
    if (reason !== undefined && row.status === 'active') {
      row.status = 'attention'
      row.reason = reason
    }
    return 'settled'
  },

  release(row, server, fence, how) {
    if (row.fence !== fence) return
    freeLease(row)
    row.attempt = row.attempt === 'captured' ? 'captured' : how.attempt
    row.backoffUntilMs = server.nowMs + how.backoffMs
    row.failCount += how.countsAsFailure ? 1 : 0
  },

  fileOrphan(row, server, fence, credentials) {
    if (row.orphans.some((each) => each.fence === fence)) return
    row.orphans.push({ fence, credentials, isAdopted: false, filedAtMs: server.nowMs })
  },

  findOrphan(row, _server, belowFence) {
    const isNewer = (each: Orphan): boolean => each.fence > row.credentialsFence && each.fence < belowFence
    const [first, ...rest] = row.orphans.filter((each) => !each.isAdopted && isNewer(each))
    return first && rest.reduce((newest, each) => (each.fence > newest.fence ? each : newest), first)
  },

  markAdopted(row, _server, fence) {
    const orphan = row.orphans.find((each) => each.fence === fence)
    if (orphan !== undefined) orphan.isAdopted = true
  },

  activate(row, _server, target, credentials) {
    if (row.version !== target.version || row.fence !== target.fence) return false
    freeLease(row)
    row.status = 'active'
    row.reason = undefined
    row.credentials = credentials
    row.version++
    row.credentialsFence = ++row.fence
    row.attempt = 'idle'
    row.backoffUntilMs = 0
    row.failCount = 0
    return true
  },
}
