import type { SchedulePolicy } from '../domain/provider.js'
import type { ScheduledConnection, ScheduleStore } from '../flows/ports/refresh.js'
import type { Database } from './database.js'
import { hurriedTries } from './lease-row.js'
import { prepareStatement } from './prepare-statement.js'
import { keyBindings, query } from './query.js'

// Owns which connections come due, and that two schedulers do not get the same one. Does not own that a token is presented
// once: that is the lease (lease-store.ts), whoever refreshes.

const columns = `c.tenant_id, c.id, c.provider_id, c.version, c.expires_at, c.last_used_at, c.refresh_schedule,
  coalesce(c.last_refreshed_at, c.granted_at, c.created_at) as refreshed_at,
  c.attempt_state in ('sent', 'in_doubt') as is_in_doubt, c.next_refresh_at is not null as is_planned`

type Columns = {
  tenant_id: string
  id: string
  provider_id: string
  version: string
  expires_at: Date | null
  last_used_at: Date | null
  refresh_schedule: SchedulePolicy | null
  refreshed_at: Date
  is_in_doubt: boolean
  is_planned: boolean
}

// The row locks live for milliseconds; what is held over the refresh is the claim. A claimer that dies leaves rows that can be
// claimed again by themselves: those in doubt soon, for the sake of a short grace. The due time stays as it is, so no index is
// written. The time is hidden from the planner, which otherwise believes that few rows are due and sorts them: only a scan in the
// order of the index marks the entries of former versions as dead, and without that every claim would read those of all refreshes
// since the last vacuum. Busy providers are hidden in a `case`: of one that has most rows the planner knows that hardly any are
// left, and reads the whole table for them, a million rows in a second (measured).
const claimStatement = `
  with due as (
    select ctid as place from connections
    where status = 'active' and next_refresh_at <= (select :now::timestamptz)
      and case when provider_id = any (:busyProviders::uuid[]) then false else true end
      and (claimed_until is null or claimed_until <= :now) and (lease_until is null or lease_until <= now())
    order by next_refresh_at limit :limit
    for update skip locked
  )
  update connections c set claimed_until = case
      when c.attempt_state in ('sent', 'in_doubt') and c.fail_count < ${hurriedTries}
      then least(:heldUntil, :now::timestamptz + interval '5 seconds') else :heldUntil end
  from due where c.ctid = due.place
  returning ${columns}`

const unplannedStatement = `
  select ${columns} from connections c
  where c.status = 'active' and c.next_refresh_at is null
  limit :limit`

// A version that moved on was planned by whoever moved it; a use or another policy in between is decided about anew. What several
// replicas found unplanned the first of them plans: each plan writes the indexes of its row. No plan delays a call in doubt beyond the end of its claim or lease: its provider's grace may be short.
const planStatement = `
  update connections c set next_refresh_at = case
      when c.attempt_state in ('sent', 'in_doubt') and c.fail_count < ${hurriedTries}
      then coalesce(least(p.at, greatest(c.next_refresh_at, c.claimed_until)), 'infinity') else coalesce(p.at, 'infinity') end,
    claimed_until = null
  from jsonb_to_recordset(:plans::jsonb) as p (tenant_id text, id text, version bigint, last_used_at timestamptz,
                                              refresh_schedule text, is_planned boolean, at timestamptz)
  where c.tenant_id = p.tenant_id and c.id = p.id and c.version = p.version and c.status = 'active'
    and date_trunc('milliseconds', c.last_used_at) is not distinct from p.last_used_at
    and c.refresh_schedule is not distinct from p.refresh_schedule and (p.is_planned or c.next_refresh_at is null)`

// Null where neither says: what that means is the domain's (domain/oauth-settings.ts).
const policy = `select coalesce(c.refresh_schedule, p.profile ->> 'refresh_schedule')
  from provider_profiles p where p.id = c.provider_id`

// Whoever was not in use has a plan that no longer fits, or one of its provider's former profile. What is refreshed on demand needs
// none and keeps what it has, so none of the indexes of its row is written.
const useStatement = `
  update connections c
  set last_used_at = u.at,
      next_refresh_at = case
        when c.last_used_at > u.at - interval '24 hours' or (${policy}) = 'on_demand' then c.next_refresh_at end
  from jsonb_to_recordset(:uses::jsonb) as u (tenant_id text, id text, at timestamptz)
  where c.tenant_id = u.tenant_id and c.id = u.id
    and (c.last_used_at is null or c.last_used_at < u.at - interval '4 minutes')`

// The plan of the former policy goes, but a call in doubt keeps its time: no policy makes anybody forget it, and one that waits
// for a caller goes on waiting. updated_at stays: what is dead is shredded by it.
const choiceStatement = `
  with held as (
    select tenant_id, id, refresh_schedule from connections
    where tenant_id = :tenantId and id = :connectionId
    for update
  ), chosen as (
    update connections c
    set refresh_schedule = :schedule,
        next_refresh_at = case
          when c.attempt_state in ('sent', 'in_doubt') and c.fail_count < ${hurriedTries} then c.next_refresh_at end
    from held where c.tenant_id = held.tenant_id and c.id = held.id and held.refresh_schedule is distinct from :schedule
  )
  select refresh_schedule as was from held`

export function createScheduleStore(database: Database): ScheduleStore {
  const { knex, pool } = database
  const claim = prepareStatement<Columns>(database, 'schedule_claim', claimStatement)
  return {
    async claim({ now, heldUntil, limit, busyProviders }) {
      const rows = await claim(pool, { now, heldUntil, limit, busyProviders })
      return rows.map(toScheduled)
    },

    async unplanned(limit) {
      return (await query<Columns>(knex, unplannedStatement, { limit })).map(toScheduled)
    },

    async plan(plans) {
      if (plans.length === 0) return
      const rows = plans.map(({ row, at }) => ({
        version: row.version,
        last_used_at: row.lastUsedAtMs === undefined ? null : new Date(row.lastUsedAtMs).toISOString(),
        refresh_schedule: row.schedule ?? null,
        is_planned: row.isPlanned,
        at: at?.toISOString() ?? null,
        ...keyColumns(row.key),
      }))
      await query(knex, planStatement, { plans: JSON.stringify(inOrder(rows)) })
    },

    async noteUses(uses) {
      if (uses.length === 0) return
      const rows = uses.map(({ key, at }) => ({ at: at.toISOString(), ...keyColumns(key) }))
      await query(knex, useStatement, { uses: JSON.stringify(inOrder(rows)) })
    },

    async choose(key, schedule) {
      const [row] = await query<{ was: SchedulePolicy | null }>(knex, choiceStatement, {
        ...keyBindings(key),
        schedule,
      })
      return row && { was: row.was ?? undefined }
    },
  }
}

type KeyColumns = { tenant_id: string; id: string }

/** Replicas that write the same rows at once lock them in one order, so that none waits for the other in a circle. */
const inOrder = <Row extends KeyColumns>(rows: readonly Row[]): Row[] =>
  [...rows].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1))

const nameOf = ({ tenant_id, id }: KeyColumns): string => `${tenant_id}\0${id}`

const keyColumns = (key: ScheduledConnection['key']) => ({ tenant_id: key.tenantId, id: key.connectionId })

const toScheduled = (row: Columns): ScheduledConnection => ({
  key: { tenantId: row.tenant_id, connectionId: row.id },
  providerId: row.provider_id,
  version: Number(row.version),
  expiresAtMs: row.expires_at?.getTime(),
  refreshedAtMs: row.refreshed_at.getTime(),
  lastUsedAtMs: row.last_used_at?.getTime(),
  schedule: row.refresh_schedule ?? undefined,
  isInDoubt: row.is_in_doubt,
  isPlanned: row.is_planned,
})
