import type { FlowSnapshot } from '../domain/authorization-request.js'
import type { ConsentOf } from '../flows/ports/connections.js'
import type { RejectedGrantStore } from '../flows/ports/revocation.js'
import type { Database } from './database.js'
import { keyBindings, query } from './query.js'

// A claim also closes the consent: one that was captured and never judged can no longer be activated.
const claimStatement = (which: string): string => `
  with due as (
    select tenant_id, id from authorization_requests
    where revoke_after <= now() ${which}
    order by revoke_after limit 1
    for update skip locked
  )
  update authorization_requests r
  set revoke_after = now() + make_interval(secs => :holdSeconds), revoke_attempts = r.revoke_attempts + 1,
      finished_at = coalesce(r.finished_at, now())
  from due, connections c
  where r.tenant_id = due.tenant_id and r.id = due.id and c.tenant_id = r.tenant_id and c.id = r.connection_id
  returning r.tenant_id, r.id, r.connection_id, r.provider_id, r.revoke_attempts, r.sealed_captured, r.snapshot,
            c.status = 'active' as is_connected`

const claimAny = claimStatement('')
const claimOne = claimStatement('and tenant_id = :tenantId and id = :requestId')

type ClaimColumns = {
  tenant_id: string
  id: string
  connection_id: string
  provider_id: string
  revoke_attempts: number
  sealed_captured: Buffer | null
  snapshot: FlowSnapshot | null
  is_connected: boolean
}

const bindingsOf = ({ key, id }: ConsentOf) => ({ ...keyBindings(key), requestId: id })

export function createRejectedGrantStore({ knex }: Database): RejectedGrantStore {
  return {
    async claim(request, holdMs) {
      const which = request === undefined ? {} : { tenantId: request.key.tenantId, requestId: request.id }
      const sql = request === undefined ? claimAny : claimOne
      const [row] = await query<ClaimColumns>(knex, sql, { ...which, holdSeconds: holdMs / 1000 })
      return (
        row && {
          request: { id: row.id, key: { tenantId: row.tenant_id, connectionId: row.connection_id } },
          providerId: row.provider_id,
          attempt: row.revoke_attempts,
          sealedCaptured: row.sealed_captured ?? undefined,
          snapshot: row.snapshot ?? undefined,
          isConnected: row.is_connected,
        }
      )
    },

    async postpone(request, delayMs) {
      await query(
        knex,
        `update authorization_requests set revoke_after = now() + make_interval(secs => :delaySeconds)
         where tenant_id = :tenantId and id = :requestId and connection_id = :connectionId`,
        { ...bindingsOf(request), delaySeconds: delayMs / 1000 },
      )
    },

    async finish(request) {
      await query(
        knex,
        `update authorization_requests set sealed_captured = null, revoke_after = null
         where tenant_id = :tenantId and id = :requestId and connection_id = :connectionId`,
        bindingsOf(request),
      )
    },
  }
}
