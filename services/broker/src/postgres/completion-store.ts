import { consentLimits } from '@dromos/contract'
import type { CompletionStore } from '../flows/ports/completions.js'
import { consentPatienceMs, persist } from './commit-lane.js'
import type { Database } from './database.js'
import { keyBindings, query } from './query.js'
import { type RequestColumns, requestColumns, toRequest } from './request-columns.js'

// Owns grants that wait for their completion. Does not own how one is put into its connection (activate-connection.ts), or
// what becomes of one that nobody completed (rejected-grant-store.ts).

// Nobody can complete it any more once the code has run out: until then, and no longer, the connection waits.
const holdStatement = `
  with held as (
    select c.tenant_id, c.id from connections c
    join authorization_requests r on r.tenant_id = c.tenant_id and r.connection_id = c.id and r.id = :requestId
    where c.tenant_id = :tenantId and c.id = :connectionId and r.finished_at is null and r.completion_challenge is not null
      and c.status <> 'revoking'
    for update of c, r
  ), waiting as (
    update connections c set consent_expires_at = now() + make_interval(secs => :codeSeconds)
    from held where c.tenant_id = held.tenant_id and c.id = held.id and c.status = 'pending'
  )
  update authorization_requests r
  set sealed_captured = :sealed, connect_code_digest = :codeDigest,
      connect_code_expires_at = now() + make_interval(secs => :codeSeconds),
      revoke_after = now() + make_interval(secs => :uncompletedSeconds)
  from held where r.tenant_id = held.tenant_id and r.id = :requestId
  returning r.id`

const findStatement = `
  select ${requestColumns}, r.sealed_captured from authorization_requests r
  where r.tenant_id = :tenantId and r.connection_id = :connectionId and r.connect_code_digest = :codeDigest
    and r.connect_code_expires_at > now() and r.finished_at is null`

type HeldColumns = RequestColumns & { sealed_captured: Buffer }

export function createCompletionStore(database: Database): CompletionStore {
  const { knex } = database
  return {
    hold: (request, { sealed, connectCodeDigest: codeDigest }) =>
      // An authorization code works once: what it brought is kept as stubbornly as any other grant.
      persist(database, consentPatienceMs, async (lane) => {
        const bindings = { ...keyBindings(request.key), requestId: request.id, sealed, codeDigest, ...lifetimes }
        return (await query(lane, holdStatement, bindings)).length === 1
      }),

    async findHeld(key, codeDigest) {
      const [row] = await query<HeldColumns>(knex, findStatement, { ...keyBindings(key), codeDigest })
      return row && { request: toRequest(row), sealed: row.sealed_captured }
    },
  }
}

const lifetimes = {
  codeSeconds: consentLimits.connectCodeMs / 1000,
  uncompletedSeconds: consentLimits.uncompletedMs / 1000,
}
