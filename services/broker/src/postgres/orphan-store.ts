import type { LeaseStore } from '../flows/ports/refresh.js'
import { persist } from './commit-lane.js'
import { toDate } from './view-columns.js'
import type { Database } from './database.js'
import { keyBindings, query } from './query.js'

/** Answers that came back under a fence that had moved on. */
export const createOrphanStore = (
  database: Database,
): Pick<LeaseStore, 'fileOrphan' | 'findOrphan' | 'markAdopted'> => ({
  fileOrphan: (key, fence, captured) =>
    persist(database, Infinity, async (lane) => {
      await query(
        lane,
        // An answer that comes after a disconnect was finished is a live grant again: it is revoked in another round.
        `with filed as (
           insert into credential_orphans (tenant_id, connection_id, fence, sealed_credentials, expires_at)
           values (:tenantId, :connectionId, :fence, :sealed, :expiresAt)
           on conflict (tenant_id, connection_id, fence) do nothing
           returning connection_id
         )
         update connections set status = 'revoking', revoke_after = now(), revoke_attempts = 0
         where tenant_id = :tenantId and id = :connectionId and status = 'revoked' and exists (select 1 from filed)`,
        { ...keyBindings(key), fence, sealed: captured.sealed, expiresAt: toDate(captured.expiresAtMs) },
      )
    }),

  async findOrphan(key, belowFence) {
    const [row] = await query<{ fence: string; sealed_credentials: Buffer; expires_at: Date | null }>(
      database.knex,
      // One that is older than what is stored is a superseded generation: its refresh token has been rotated away.
      `select o.fence, o.sealed_credentials, o.expires_at
       from credential_orphans o join connections c on c.tenant_id = o.tenant_id and c.id = o.connection_id
       where o.tenant_id = :tenantId and o.connection_id = :connectionId and o.adopted_at is null
         and o.fence > c.credentials_fence and o.fence < :belowFence
       order by o.fence desc limit 1`,
      { ...keyBindings(key), belowFence },
    )
    return row && { fence: Number(row.fence), sealed: row.sealed_credentials, expiresAtMs: row.expires_at?.getTime() }
  },

  async markAdopted(key, fence) {
    await query(
      database.knex,
      `update credential_orphans set adopted_at = now()
       where tenant_id = :tenantId and connection_id = :connectionId and fence = :fence and adopted_at is null`,
      { ...keyBindings(key), fence },
    )
  },
})
