import type { HousekeepingStore, HousekeepingTask } from '../flows/ports/housekeeping.js'
import type { Database } from './database.js'
import { query } from './query.js'

// Each statement takes at most `limit` rows and passes over what somebody else holds, so that replicas share the work.

const isOld = (column: string): string => `${column} < now() - make_interval(days => :days)`

const deletion = (table: string, key: readonly string[], where: string): string => `
  with old as (select ${key.join(', ')} from ${table} where ${where} limit :limit for update skip locked)
  delete from ${table} t using old where ${key.map((name) => `t.${name} = old.${name}`).join(' and ')} returning 1 as one`

const statements: Readonly<Record<HousekeepingTask, string>> = {
  // The answer of a key is promised for a day, whatever else is kept for longer.
  idempotency_keys: deletion(
    'idempotency_keys',
    ['tenant_id', 'client_id', 'key_digest'],
    `created_at < now() - interval '24 hours' and :days::int >= 0`,
  ),
  // An hour is for clocks and callbacks under way; whoever comes later is told that the consent has expired.
  flow_secrets: `
    with old as (
      select tenant_id, id from authorization_requests
      where sealed_secrets is not null and expires_at < now() - interval '1 hour' and :days::int >= 0
      limit :limit for update skip locked
    )
    update authorization_requests r set sealed_secrets = null
    from old where r.tenant_id = old.tenant_id and r.id = old.id returning 1 as one`,
  consents: deletion('authorization_requests', ['tenant_id', 'id'], `${isOld('expires_at')} and revoke_after is null`),
  abandoned_connections: deletion(
    'connections',
    ['tenant_id', 'id'],
    `status = 'pending' and ${isOld('consent_expires_at')}`,
  ),
  orphans: deletion(
    'credential_orphans',
    ['tenant_id', 'connection_id', 'fence'],
    `adopted_at < now() - interval '1 day' or ${isOld('created_at')}`,
  ),
  dead_credentials: `
    with old as (
      select tenant_id, id from connections
      where ${isOld('dead_since')}
      order by dead_since limit :limit for update skip locked
    ), orphans as (
      delete from credential_orphans o using old where o.tenant_id = old.tenant_id and o.connection_id = old.id
    )
    update connections c set sealed_credentials = null, expires_at = null, refresh_expires_at = null
    from old where c.tenant_id = old.tenant_id and c.id = old.id returning 1 as one`,
  // What no retired segment covers stays, however old: else whoever deletes rows could say that housekeeping did.
  audit_events: deletion(
    'audit_events',
    ['id'],
    `id <= (select max(last_event_id) from audit_segments where is_retired) and :days::int >= 0`,
  ),
}

export const createHousekeepingStore = ({ knex }: Database): HousekeepingStore => ({
  async tidy(task, days, limit) {
    return (await query(knex, statements[task], { days, limit })).length
  },
})
