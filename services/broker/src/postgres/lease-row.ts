import type { AttemptState } from '../domain/refresh-protocol.js'
import type { SchedulePolicy } from '../domain/provider.js'
import type { LeaseRow } from '../flows/ports/refresh.js'
import { revisionOfProvider } from './resolved-providers.js'
import { toView, type ViewColumns, viewColumns } from './view-columns.js'

/** So many failures in a row bring a doubtful call back at the end of its lease; after that it takes its turn like any other. */
export const hurriedTries = 3

export type HeldColumns = ViewColumns & {
  provider_id: string
  version: string
  attempt_state: AttemptState
  sealed_credentials: Buffer | null
}

export type DueColumns = {
  provider_revision: string
  fence: string
  expires_at: Date | null
  last_used_at: Date | null
  refresh_schedule: SchedulePolicy | null
  is_leased: boolean
  owner_gone_ms: number | null
  backoff_ms: number
  account_issuer: string | null
  account_subject: string | null
  variables: Record<string, string>
  granted_to_client_id: string | null
  granted_at_origin: string | null
}

export type LeaseColumns = HeldColumns & DueColumns

/** SQL of what the read of a token has of a `connections` row named `c`, and a refresh has too. */
export const heldColumns = `${viewColumns}, c.provider_id, c.version, c.attempt_state, c.sealed_credentials`

/** SQL of what a refresh has beyond that, given the provider's revision; `owner_gone_ms` comes extra. */
const leaseColumns = (revision: string): string => `c.fence, c.expires_at, c.last_used_at, c.refresh_schedule,
  coalesce(c.lease_until > now(), false) as is_leased,
  greatest(coalesce(extract(epoch from c.backoff_until - now()) * 1000, 0), 0)::float8 as backoff_ms,
  c.account_issuer, c.account_subject, c.variables, c.granted_to_client_id, c.granted_at_origin,
  ${revision} as provider_revision`

const ownRevision = `(select ${revisionOfProvider} from provider_profiles p where p.id = c.provider_id)`

/** Beside rows named `c` and `p`. Most tokens live on for a while: their reads carry none of it. */
export const leaseColumnsWhenDue = `
  left join lateral (
    select ${leaseColumns(revisionOfProvider)}, null::float8 as owner_gone_ms
    where c.expires_at < now() + interval '2 minutes') due on true`

export const viewStatement = `select ${heldColumns}, ${leaseColumns(ownRevision)}, null::float8 as owner_gone_ms
  from connections c where c.tenant_id = $1 and c.id = $2`

/**
 * The same, and a look at whether the owner's liveness lock is free. It is only telling while PostgreSQL has not restarted
 * since the lease was taken: a crash frees everybody's locks. The shared mode lets many waiters look at once, while the
 * owner's exclusive lock keeps them all out. The first sighting is kept in the row for waiters to come.
 */
export const viewOwnerStatement = `
  with probe as materialized (
    select tenant_id, id, fence, suspect_since, pg_try_advisory_xact_lock_shared(lease_owner) as is_free
    from connections
    where tenant_id = :tenantId and id = :connectionId and lease_until > now()
      and lease_incarnation = pg_postmaster_start_time()
  ), marked as (
    update connections c set suspect_since = case when probe.is_free then now() end
    from probe
    where c.tenant_id = probe.tenant_id and c.id = probe.id and c.fence = probe.fence
      and (c.suspect_since is null) = probe.is_free
    returning c.id
  )
  select ${heldColumns}, ${leaseColumns(ownRevision)},
    case when probe.is_free
      then greatest(extract(epoch from now() - coalesce(probe.suspect_since, now())) * 1000, 0)::float8 end as owner_gone_ms
  from connections c left join probe on probe.id = c.id
  where c.tenant_id = :tenantId and c.id = :connectionId`

export const toLeaseRow = (row: LeaseColumns): LeaseRow => ({
  providerId: row.provider_id,
  providerRevision: row.provider_revision,
  version: Number(row.version),
  fence: Number(row.fence),
  expiresAtMs: row.expires_at?.getTime(),
  sealedCredentials: row.sealed_credentials ?? undefined,
  attempt: row.attempt_state,
  lastUsedAtMs: row.last_used_at?.getTime(),
  schedule: row.refresh_schedule ?? undefined,
  isLeased: row.is_leased,
  ownerGoneMs: row.owner_gone_ms ?? undefined,
  backoffMs: Math.ceil(row.backoff_ms),
  account:
    row.account_issuer !== null && row.account_subject !== null
      ? { issuer: row.account_issuer, subject: row.account_subject }
      : undefined,
  variables: row.variables,
  grantedToClientId: row.granted_to_client_id ?? undefined,
  grantedAtOrigin: row.granted_at_origin ?? undefined,
  ...toView(row),
})
