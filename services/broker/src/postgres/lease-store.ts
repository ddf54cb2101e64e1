import { type AttemptState, refreshTimes } from '../domain/refresh-protocol.js'
import { toAuditEntry } from '../domain/events.js'
import type { LeaseStore } from '../flows/ports/refresh.js'
import { insertAuditRows, toAuditRow } from './audit-row.js'
import type { Database } from './database.js'
import { hurriedTries, type LeaseColumns, toLeaseRow, viewOwnerStatement, viewStatement } from './lease-row.js'
import { attemptEnded, leaseFreed, leaseSharing, toWanted } from './lease-writes.js'
import type { Liveness } from './liveness.js'
import { prepareStatement } from './prepare-statement.js'
import { prepareWrite, toHex, wantedConnection, wantedRows } from './prepare-write.js'
import { prepareRead } from './prepared-read.js'
import { keyBindings } from './query.js'

// Every rule here stands on rows and the database's clock alone: the liveness lock only makes a takeover sooner.
// Steps of several refreshes share a statement. Each keeps what it promises alone: its condition is judged under the lock of its
// row, it is committed when it is answered, and when PostgreSQL ends in between its own caller asks about it again.

// A captured answer that nobody judged yet stays marked as such: it must not be served, and no call is made for it.
// Without our own liveness lock the lease has no incarnation, and so it ends by time only.
// Should its holder die, the row comes due when the lease ends: a provider's grace may be over before anybody asks.
const acquireStatement = `
  with held as (
    select w.*, c.attempt_state as previous
    from ${wantedRows} as w (${wantedConnection}, version bigint, takes_over boolean, owner bigint,
      is_live boolean, lease_seconds float8, fingerprint bytea)
    cross join lateral (
      select attempt_state from connections
      where tenant_id = w.tenant_id and id = w.connection_id and status = 'active' and version = w.version
        and (backoff_until is null or backoff_until <= now())
        and (lease_until is null or lease_until <= now() or case
              when w.takes_over and lease_incarnation = pg_postmaster_start_time()
                and suspect_since <= now() - make_interval(secs => ${refreshTimes.ownerGoneMs / 1000})
              then pg_try_advisory_xact_lock_shared(lease_owner) else false end)
      for update
    ) c
  )
  update connections c
  set fence = c.fence + 1, lease_owner = held.owner, lease_until = now() + make_interval(secs => held.lease_seconds),
      lease_incarnation = case when held.is_live then pg_postmaster_start_time() end, suspect_since = null,
      attempt_state = case c.attempt_state when 'captured' then 'captured' else 'sent' end,
      attempt_started_at = now(), attempt_fingerprint = held.fingerprint,
      next_refresh_at = case when c.fail_count < ${hurriedTries}
        then least(c.next_refresh_at, now() + make_interval(secs => held.lease_seconds)) else c.next_refresh_at end,
      claimed_until = least(c.claimed_until, now() + make_interval(secs => held.lease_seconds))
  from held where c.tenant_id = held.tenant_id and c.id = held.connection_id
  returning held.position, c.fence, c.fail_count, held.previous`

const settleStatement = `
  with settled as (
    update connections c
    set ${attemptEnded}, updated_at = now(),
        reason = case when w.reason is not null and c.status = 'active' then w.reason else c.reason end,
        status = case when w.reason is not null and c.status = 'active' then 'attention' else c.status end
    from ${wantedRows} as w (${wantedConnection}, fence bigint, reason text, attempt text, backoff_seconds float8, audit jsonb)
    where c.tenant_id = w.tenant_id and c.id = w.connection_id and c.fence = w.fence
    returning w.position, w.audit
  ), audit as (${insertAuditRows('settled.audit', 'settled')}
  )
  select position from settled`

// What was captured waits for its judge, whatever made the holder give up.
const releaseStatement = `
  update connections
  set ${leaseFreed}, attempt_state = case attempt_state when 'captured' then 'captured' else :attempt end, backoff_until = now() + make_interval(secs => :backoffSeconds),
      fail_count = fail_count + :failures, last_error = :error, updated_at = now()
  where tenant_id = :tenantId and id = :connectionId and fence = :fence`

/** No provider answers within this time: a look is in no hurry. */
const looksEveryMs = 20

type AcquiredColumns = { fence: string; fail_count: number; previous: AttemptState }

export function createLeaseStore(
  database: Database,
  liveness: Liveness,
  now: () => Date,
): Pick<LeaseStore, 'owner' | 'view' | 'acquire' | 'settle' | 'release'> {
  const { pool } = database
  // Readers that wait for another replica look again and again: those of a moment look together.
  const view = prepareRead<LeaseColumns>(database, 'refresh_view', viewStatement, looksEveryMs)
  const viewOwner = prepareStatement<LeaseColumns>(database, 'refresh_view_owner', viewOwnerStatement)
  const acquire = prepareWrite<AcquiredColumns>(database, 'refresh_acquire', acquireStatement, {
    on: pool,
    ...leaseSharing,
  })
  const settle = prepareWrite(database, 'refresh_settle', settleStatement, { on: pool, ...leaseSharing })
  const release = prepareStatement(database, 'refresh_release', releaseStatement)
  return {
    owner: liveness.owner,

    async view(key, looksAtOwner) {
      const { tenantId, connectionId } = key
      const row = looksAtOwner
        ? (await viewOwner(pool, { tenantId, connectionId }))[0]
        : await view(tenantId, connectionId)
      return row && toLeaseRow(row)
    },

    async acquire(key, { version, takesOver, leaseMs, fingerprint }) {
      const row = await acquire({
        version,
        takes_over: takesOver,
        owner: String(liveness.owner),
        is_live: liveness.isHeld(),
        lease_seconds: leaseMs / 1000,
        fingerprint: toHex(fingerprint),
        ...toWanted(key),
      })
      return row && { fence: Number(row.fence), previous: row.previous, failCount: row.fail_count }
    },

    async settle(key, fence, { reason, attempt, backoffMs }, event) {
      const audit = [toAuditRow(toAuditEntry(event), now())]
      const row = await settle({ fence, reason, attempt, backoff_seconds: backoffMs / 1000, audit, ...toWanted(key) })
      return row === undefined ? 'fenced' : 'settled'
    },

    async release(key, fence, how) {
      await release(pool, {
        ...keyBindings(key),
        fence,
        attempt: how.attempt,
        backoffSeconds: how.backoffMs / 1000,
        failures: how.countsAsFailure ? 1 : 0,
        error: how.error,
      })
    },
  }
}
