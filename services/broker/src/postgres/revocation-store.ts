import type { RevocationStore } from '../flows/ports/revocation.js'
import { rejected } from './activate-connection.js'
import type { Database } from './database.js'
import { keyBindings, query } from './query.js'

// Owns the two phases of a disconnect in rows. Does not own the call of the provider between them.

// The lease stays as it is: its end says how long a refresh may still bring something. The first try is the caller's own;
// ten seconds later it is anybody's.
const beginStatement = `
  with held as (
    select tenant_id, id, status, provider_id from connections
    where tenant_id = :tenantId and id = :connectionId
    for update
  ), closed as (
    update authorization_requests r
    set claimed_at = coalesce(r.claimed_at, now()), finished_at = now(), sealed_secrets = null, ${rejected}
    from held where r.tenant_id = held.tenant_id and r.connection_id = held.id and r.finished_at is null
      and held.status not in ('revoking', 'revoked')
  ), begun as (
    update connections c
    set status = 'revoking', reason = 'disconnected', disconnected_at = clock_timestamp(), fence = c.fence + 1,
        revoke_after = now() + interval '10 seconds', revoke_attempts = 0, revocation = null, updated_at = now()
    from held where c.tenant_id = held.tenant_id and c.id = held.id and held.status not in ('revoking', 'revoked')
    returning c.id
  )
  select held.status as previous, held.provider_id, exists (select 1 from begun) as is_begun from held`

const claimColumns = `c.tenant_id, c.id, c.provider_id, c.version, c.revoke_attempts, c.sealed_credentials, c.variables,
  c.granted_to_client_id, c.granted_at_origin, c.revocation_url,
  greatest(coalesce(extract(epoch from c.lease_until - now()) * 1000, 0), 0)::float8 as wait_ms`

const claimStatement = (which: string): string => `
  with due as (
    select tenant_id, id from connections
    where status = 'revoking' and ${which}
    order by revoke_after limit 1
    for update skip locked
  )
  update connections c
  set revoke_after = now() + make_interval(secs => :holdSeconds), revoke_attempts = c.revoke_attempts + 1
  from due where c.tenant_id = due.tenant_id and c.id = due.id
  returning ${claimColumns}`

const claimAny = claimStatement('revoke_after <= now()')
const claimOne = claimStatement(
  '(revoke_after <= now() or revoke_attempts = 0) and tenant_id = :tenantId and id = :connectionId',
)

type ClaimColumns = {
  tenant_id: string
  id: string
  provider_id: string
  version: string
  revoke_attempts: number
  sealed_credentials: Buffer | null
  variables: Record<string, string>
  granted_to_client_id: string | null
  granted_at_origin: string | null
  revocation_url: string | null
  wait_ms: number
}

// Nothing that could be opened stays: credentials and late answers go, what unfinished consents brought is revoked next.
const finishStatement = `
  with finished as (
    update connections
    set status = 'revoked', sealed_credentials = null, expires_at = null, refresh_expires_at = null, revoke_after = null,
        revocation = :outcome, attempt_state = 'idle', attempt_started_at = null, attempt_fingerprint = null,
        lease_owner = null, lease_until = null, lease_incarnation = null, suspect_since = null, backoff_until = null,
        updated_at = now()
    where tenant_id = :tenantId and id = :connectionId and status = 'revoking'
      -- a late answer that came since the claim is still to be revoked
      and :orphansSeen = (select count(*) from credential_orphans o
        where o.tenant_id = connections.tenant_id and o.connection_id = connections.id and o.adopted_at is null)
    returning tenant_id, id
  ), orphans as (
    delete from credential_orphans o using finished
    where o.tenant_id = finished.tenant_id and o.connection_id = finished.id
  ), captured as (
    update authorization_requests r set finished_at = coalesce(r.finished_at, now()), revoke_after = now()
    from finished where r.tenant_id = finished.tenant_id and r.connection_id = finished.id
      and r.sealed_captured is not null
  )
  select id from finished`

export function createRevocationStore({ knex }: Database): RevocationStore {
  return {
    async begin(key) {
      const [row] = await query<{ previous: string; provider_id: string; is_begun: boolean }>(
        knex,
        beginStatement,
        keyBindings(key),
      )
      return row && { wasDisconnected: !row.is_begun, providerId: row.provider_id, previous: row.previous }
    },

    async claim(key, holdMs) {
      const bindings = { holdSeconds: holdMs / 1000, ...(key === undefined ? {} : keyBindings(key)) }
      const [row] = await query<ClaimColumns>(knex, key === undefined ? claimAny : claimOne, bindings)
      if (row === undefined) return undefined
      const found = { tenantId: row.tenant_id, connectionId: row.id }
      const orphans = await query<{ fence: string; sealed_credentials: Buffer }>(
        knex,
        `select fence, sealed_credentials from credential_orphans
         where tenant_id = :tenantId and connection_id = :connectionId and adopted_at is null order by fence`,
        keyBindings(found),
      )
      return {
        key: found,
        providerId: row.provider_id,
        version: Number(row.version),
        attempt: row.revoke_attempts,
        waitMs: Math.ceil(row.wait_ms),
        sealedCredentials: row.sealed_credentials ?? undefined,
        orphans: orphans.map(({ fence, sealed_credentials: sealed }) => ({ fence: Number(fence), sealed })),
        variables: row.variables,
        grantedToClientId: row.granted_to_client_id ?? undefined,
        grantedAtOrigin: row.granted_at_origin ?? undefined,
        revocationUrl: row.revocation_url ?? undefined,
      }
    },

    async postpone(key, delayMs, outcome) {
      await query(
        knex,
        `update connections
         set revoke_after = now() + make_interval(secs => :delaySeconds), revoke_attempts = revoke_attempts - :takenBack
         where tenant_id = :tenantId and id = :connectionId and status = 'revoking'`,
        { ...keyBindings(key), delaySeconds: delayMs / 1000, takenBack: outcome === 'waiting' ? 1 : 0 },
      )
    },

    async finish({ key, orphans }, outcome) {
      const bindings = { ...keyBindings(key), outcome, orphansSeen: orphans.length }
      return (await query(knex, finishStatement, bindings)).length === 1
    },
  }
}
