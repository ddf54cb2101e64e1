import type { RestoreStore } from '../flows/ports/housekeeping.js'
import type { Database } from './database.js'
import { query } from './query.js'

// A grant that can rotate may have rotated since the backup was made. The raised fence keeps out whoever still holds a lease
// of the time before; the scheduler waits until a caller has found out how the grant is.
const doubtStatement = `
  with held as (
    select c.tenant_id, c.id from connections c join provider_profiles p on p.id = c.provider_id
    where c.status = 'active' and c.attempt_state in ('idle', 'sent') and p.auth_type = 'oauth2'
      and coalesce(p.profile->'refresh_policy'->>'mode', 'rotates') = 'rotates'
    limit :limit for update of c
  )
  update connections c
  set attempt_state = 'in_doubt', fence = c.fence + 1, lease_owner = null, lease_until = null, lease_incarnation = null,
      suspect_since = null, backoff_until = null, next_refresh_at = 'infinity', updated_at = now()
  from held where c.tenant_id = held.tenant_id and c.id = held.id
  returning 1 as one`

export const createRestoreStore = ({ knex }: Database): RestoreStore => ({
  async doubtRotating(limit) {
    return (await query(knex, doubtStatement, { limit })).length
  },
})
