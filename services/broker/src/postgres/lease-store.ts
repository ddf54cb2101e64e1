import { type AttemptState, refreshTimes } from '../domain/refresh-protocol.js'
import type { LeaseStore } from '../flows/ports/refresh.js'
import { persist } from './commit-lane.js'
import type { Database } from './database.js'
import { hurriedTries, type LeaseColumns, toLeaseRow, viewOwnerStatement, viewStatement } from './lease-row.js'
import type { Liveness } from './liveness.js'
import { prepareStatement } from './prepare-statement.js'
import { prepareRead } from './prepared-read.js'
import { keyBindings } from './query.js'
import { toDate } from './view-columns.js'

// Every rule here stands on rows and the database's clock alone: the liveness lock only makes a takeover sooner.

// A captured answer that nobody judged yet stays marked as such: it must not be served, and no call is made for it.
// Without our own liveness lock the lease has no incarnation, and so it ends by time only.
// Should its holder die, the row comes due when the lease ends: a provider's grace may be over before anybody asks.
const acquireStatement = `
  with held as (
    select tenant_id, id, attempt_state from connections
    where tenant_id = :tenantId and id = :connectionId and status = 'active' and version = :version
      and (backoff_until is null or backoff_until <= now())
      and (lease_until is null or lease_until <= now() or case
            when :takesOver and lease_incarnation = pg_postmaster_start_time()
              and suspect_since <= now() - make_interval(secs => :ownerGoneSeconds)
            then pg_try_advisory_xact_lock_shared(lease_owner) else false end)
    for update
  )
  update connections c
  set fence = c.fence + 1, lease_owner = :owner, lease_until = now() + make_interval(secs => :leaseSeconds),
      lease_incarnation = case when :isLive then pg_postmaster_start_time() end, suspect_since = null,
      attempt_state = case c.attempt_state when 'captured' then 'captured' else 'sent' end,
      attempt_started_at = now(), attempt_fingerprint = :fingerprint,
      next_refresh_at = case when c.fail_count < ${hurriedTries}
        then least(c.next_refresh_at, now() + make_interval(secs => :leaseSeconds)) else c.next_refresh_at end,
      claimed_until = least(c.claimed_until, now() + make_interval(secs => :leaseSeconds))
  from held where c.tenant_id = held.tenant_id and c.id = held.id
  returning c.fence, c.fail_count, held.attempt_state as previous`

// What was planned by a policy that is no longer the connection's is decided about anew.
const captureStatement = `
  with stored as (
    update connections
    set sealed_credentials = :sealed, version = version + 1, credentials_fence = fence, expires_at = :expiresAt,
        refresh_expires_at = coalesce(:refreshExpiresAt, refresh_expires_at),
        granted_scope = coalesce(:grantedScope, granted_scope), last_refreshed_at = now(), attempt_state = 'captured',
        next_refresh_at = case when refresh_schedule is not distinct from :schedule::text then :nextRefreshAt::timestamptz end,
        claimed_until = null, updated_at = now()
    where tenant_id = :tenantId and id = :connectionId and fence = :fence and version = :version
      and status = 'active' -- a disconnect is final, whatever still comes in
    returning id
  )
  select exists (select 1 from stored)
      -- our own earlier attempt, whose outcome we never heard: nobody else writes under this fence
      or exists (select 1 from connections
                 where tenant_id = :tenantId and id = :connectionId and fence = :fence and version = :version::bigint + 1)
      as is_stored`

const leaseFreed = `lease_owner = null, lease_until = null, lease_incarnation = null, suspect_since = null`

const settleStatement = `
  update connections
  set ${leaseFreed}, attempt_state = :attempt, attempt_started_at = null, attempt_fingerprint = null, fail_count = 0,
      backoff_until = now() + make_interval(secs => nullif(:backoffSeconds::float8, 0)), last_error = null, updated_at = now(),
      reason = case when :reason::text is not null and status = 'active' then :reason else reason end,
      status = case when :reason::text is not null and status = 'active' then 'attention' else status end
  where tenant_id = :tenantId and id = :connectionId and fence = :fence
  returning id`

// What was captured waits for its judge, whatever made the holder give up.
const releaseStatement = `
  update connections
  set ${leaseFreed}, attempt_state = case attempt_state when 'captured' then 'captured' else :attempt end, backoff_until = now() + make_interval(secs => :backoffSeconds),
      fail_count = fail_count + :failures, last_error = :error, updated_at = now()
  where tenant_id = :tenantId and id = :connectionId and fence = :fence`

type AcquiredColumns = { fence: string; fail_count: number; previous: AttemptState }

export function createLeaseStore(
  database: Database,
  liveness: Liveness,
): Pick<LeaseStore, 'owner' | 'view' | 'acquire' | 'capture' | 'settle' | 'release'> {
  const { pool, commitPool } = database
  // Readers that wait for another replica look again and again: those of a moment look together.
  const view = prepareRead<LeaseColumns>(database, 'refresh_view', viewStatement)
  const viewOwner = prepareStatement<LeaseColumns>(database, 'refresh_view_owner', viewOwnerStatement)
  const acquire = prepareStatement<AcquiredColumns>(database, 'refresh_acquire', acquireStatement)
  const capture = prepareStatement<{ is_stored: boolean }>(database, 'refresh_capture', captureStatement)
  const settle = prepareStatement(database, 'refresh_settle', settleStatement)
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

    async acquire(key, want) {
      const [row] = await acquire(pool, {
        ...keyBindings(key),
        version: want.version,
        takesOver: want.takesOver,
        ownerGoneSeconds: refreshTimes.ownerGoneMs / 1000,
        owner: liveness.owner,
        isLive: liveness.isHeld(),
        leaseSeconds: want.leaseMs / 1000,
        fingerprint: want.fingerprint,
      })
      return row && { fence: Number(row.fence), previous: row.previous, failCount: row.fail_count }
    },

    capture: (key, held, captured) =>
      persist(database, Infinity, async () => {
        const { nextRefresh } = captured
        const [row] = await capture(commitPool, {
          ...keyBindings(key),
          fence: held.fence,
          version: held.version,
          sealed: captured.sealed,
          expiresAt: toDate(captured.expiresAtMs),
          refreshExpiresAt: toDate(captured.refreshExpiresAtMs),
          grantedScope: captured.grantedScope,
          schedule: nextRefresh?.schedule,
          nextRefreshAt: nextRefresh?.at === 'never' ? 'infinity' : nextRefresh?.at,
        })
        return row?.is_stored ? 'stored' : 'fenced'
      }),

    async settle(key, fence, how) {
      const { reason, attempt, backoffMs } = how
      const bindings = { ...keyBindings(key), fence, reason, attempt, backoffSeconds: backoffMs / 1000 }
      const rows = await settle(pool, bindings)
      return rows.length === 1 ? 'settled' : 'fenced'
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
