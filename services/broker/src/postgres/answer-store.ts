import { toAuditEntry } from '../domain/events.js'
import type { CapturedCredentials, LeaseStore } from '../flows/ports/refresh.js'
import { insertAuditRows, toAuditRow } from './audit-row.js'
import { persist } from './commit-lane.js'
import type { Database } from './database.js'
import { attemptEnded, leaseSharing, toWanted, wantedEnd } from './lease-writes.js'
import { prepareWrite, toHex, wantedConnection, wantedRows } from './prepare-write.js'
import { toDate, toNextRefresh } from './view-columns.js'

// Owns how a provider's answer to a refresh is stored: it exists nowhere else. Does not own leases: lease-store.ts.

const wantedAnswer = `${wantedConnection}, fence bigint, version bigint, sealed bytea, expires_at timestamptz,
  refresh_expires_at timestamptz, granted_scope text, schedule text, next_refresh_at timestamptz`

// What was planned by a policy that is no longer the connection's is decided about anew.
const answerStored = `
  sealed_credentials = w.sealed, version = c.version + 1, credentials_fence = c.fence, expires_at = w.expires_at,
  refresh_expires_at = coalesce(w.refresh_expires_at, c.refresh_expires_at),
  granted_scope = coalesce(w.granted_scope, c.granted_scope), last_refreshed_at = now(),
  next_refresh_at = case when c.refresh_schedule is not distinct from w.schedule then w.next_refresh_at end,
  claimed_until = null, updated_at = now()`

const isOurs = `c.tenant_id = w.tenant_id and c.id = w.connection_id and c.fence = w.fence and c.version = w.version
  and c.status = 'active'` // a disconnect is final, whatever still comes in

// Nobody else writes under this fence.
const storedEarlier = `
  select w.position from wanted w
  join connections c on c.tenant_id = w.tenant_id and c.id = w.connection_id and c.fence = w.fence and c.version = w.version + 1`

const captureStatement = `
  with wanted as (
    select w.* from ${wantedRows} as w (${wantedAnswer})
  ), stored as (
    update connections c set ${answerStored}, attempt_state = 'captured' from wanted w where ${isOurs}
    returning w.position
  )
  select position from stored
  union -- our own earlier attempt, whose outcome we never heard
  ${storedEarlier}`

const completeStatement = `
  with wanted as (
    select w.* from ${wantedRows} as w (${wantedAnswer}, ${wantedEnd})
  ), stored as (
    update connections c set ${answerStored}, ${attemptEnded} from wanted w where ${isOurs}
    returning w.position, w.audit
  ), audit as (${insertAuditRows('stored.audit', 'stored')}
  )
  select position from stored
  union -- our own earlier attempt, whose outcome we never heard
  ${storedEarlier}`

export function createAnswerStore(database: Database, now: () => Date): Pick<LeaseStore, 'capture' | 'complete'> {
  const sharing = { on: database.commitPool, ...leaseSharing }
  const capture = prepareWrite(database, 'refresh_capture', captureStatement, sharing)
  const complete = prepareWrite(database, 'refresh_complete', completeStatement, sharing)
  return {
    capture: (key, held, captured) =>
      persist(database, Infinity, async () => {
        const row = await capture({
          fence: held.fence,
          version: held.version,
          ...toColumns(captured),
          ...toWanted(key),
        })
        return row === undefined ? 'fenced' : 'stored'
      }),

    complete: (key, held, captured, { attempt, backoffMs }, event) =>
      persist(database, Infinity, async () => {
        const audit = [toAuditRow(toAuditEntry(event), now())]
        const row = await complete({
          attempt,
          backoff_seconds: backoffMs / 1000,
          audit,
          fence: held.fence,
          version: held.version,
          ...toColumns(captured),
          ...toWanted(key),
        })
        return row === undefined ? 'fenced' : 'settled'
      }),
  }
}

const toColumns = (captured: CapturedCredentials) => ({
  sealed: toHex(captured.sealed),
  expires_at: toDate(captured.expiresAtMs),
  refresh_expires_at: toDate(captured.refreshExpiresAtMs),
  granted_scope: captured.grantedScope,
  schedule: captured.nextRefresh?.schedule,
  next_refresh_at: toNextRefresh(captured),
})
