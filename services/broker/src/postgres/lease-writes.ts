import type { ConnectionKey } from '../domain/connection.js'
import type { Wanted } from './prepare-write.js'

// Owns what the writes of a refresh have in common.

/** Under load each statement carries what came since the last one; alone nobody waits. Providers take much longer to answer. */
export const leaseSharing = { atOnce: 2, everyMs: 10 }

export const toWanted = ({ tenantId, connectionId }: ConnectionKey): Wanted => ({
  tenant_id: tenantId,
  connection_id: connectionId,
})

/** SQL that sets a lease free. */
export const leaseFreed = `lease_owner = null, lease_until = null, lease_incarnation = null, suspect_since = null`

/** Columns of `attemptEnded`. */
export const wantedEnd = 'attempt text, backoff_seconds float8, audit jsonb'

/** SQL of the end of an attempt that brought an answer; of `w`, which has `wantedEnd`. */
export const attemptEnded = `${leaseFreed}, attempt_state = w.attempt, attempt_started_at = null, attempt_fingerprint = null,
  fail_count = 0, backoff_until = now() + make_interval(secs => nullif(w.backoff_seconds, 0)), last_error = null`
