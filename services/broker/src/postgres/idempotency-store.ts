import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { ServiceError } from '@dromos/contract'
import type { IdempotencyStore } from '../flows/ports/clients.js'
import type { SealContext, Vault } from '../flows/ports/vault.js'
import { persist } from './commit-lane.js'
import type { Database } from './database.js'
import { query } from './query.js'

// The row is the reservation, so that no database session is held while the work runs. A reservation without an answer
// that is older than a minute was abandoned by a process that died.

const reserveStatement = `
  insert into idempotency_keys as held (tenant_id, client_id, key_digest, request_digest, reserved_by)
  values (:tenantId, :clientId, :keyDigest, :requestDigest, :reservedBy)
  on conflict (tenant_id, client_id, key_digest) do update
    set request_digest = excluded.request_digest, reserved_by = excluded.reserved_by, sealed_answer = null, created_at = now()
    where held.created_at <= now() - interval '24 hours'
       or (held.sealed_answer is null and held.created_at <= now() - interval '60 seconds')
  returning held.reserved_by`

const byKey = 'tenant_id = :tenantId and client_id = :clientId and key_digest = :keyDigest'

const firstPollMs = 25
const longestPollMs = 250
const patienceMs = 30_000
const answerPatienceMs = 5_000

type Scope = Parameters<IdempotencyStore['once']>[0]
type Key = { tenantId: string; clientId: string; keyDigest: Buffer }

export const createIdempotencyStore = (database: Database, vault: Vault): IdempotencyStore => ({
  async once(scope, work) {
    const key = { tenantId: scope.tenantId, clientId: scope.clientId, keyDigest: digestOf(scope.key) }
    const startedAtMs = performance.now()
    for (let pollMs = firstPollMs; ; pollMs = Math.min(pollMs * 2, longestPollMs)) {
      const reservedBy = randomUUID()
      const reservation = { ...key, requestDigest: scope.requestDigest, reservedBy }
      const isMine = (await query(database.knex, reserveStatement, reservation)).length === 1
      if (isMine) return { answer: await run(database, vault, key, reservedBy, work), isReplay: false }
      const answer = await readAnswer(database, vault, key, scope)
      if (answer !== undefined) return { answer, isReplay: true }
      if (performance.now() - startedAtMs > patienceMs)
        throw new ServiceError('deadline_exceeded', 'the first request with this idempotency key is still running', {
          retryAfterSeconds: 5,
        })
      await pause(pollMs)
    }
  },
})

async function run(
  database: Database,
  vault: Vault,
  key: Key,
  reservedBy: string,
  work: () => Promise<string>,
): Promise<string> {
  const own = { ...key, reservedBy }
  try {
    const answer = await work()
    const sealedAnswer = vault.seal(answer, contextOf(key))
    const sql = `update idempotency_keys set sealed_answer = :sealedAnswer where ${byKey} and reserved_by = :reservedBy`
    // The work is done: without its answer a repetition would do it twice.
    await persist(database, answerPatienceMs, () => query(database.knex, sql, { ...own, sealedAnswer }))
    return answer
  } catch (error) {
    const sql = `delete from idempotency_keys where ${byKey} and reserved_by = :reservedBy and sealed_answer is null`
    await query(database.knex, sql, own).catch(() => undefined) // it is then abandoned in a minute
    throw error
  }
}

/** undefined while the first request is at work, or when its work failed just now. */
async function readAnswer(database: Database, vault: Vault, key: Key, scope: Scope): Promise<string | undefined> {
  const [row] = await query<{ request_digest: Buffer; sealed_answer: Buffer | null }>(
    database.knex,
    `select request_digest, sealed_answer from idempotency_keys where ${byKey}`,
    key,
  )
  if (row === undefined) return undefined
  if (!row.request_digest.equals(scope.requestDigest))
    throw new ServiceError('idempotency_conflict', 'this idempotency key was used with another request: use a new one')
  return row.sealed_answer ? vault.open(row.sealed_answer, contextOf(key)) : undefined
}

const digestOf = (key: string): Buffer => createHash('sha256').update(key).digest()

const contextOf = (key: Key): SealContext => ({
  tenantId: key.tenantId,
  recordId: `${key.clientId}/${key.keyDigest.toString('hex')}`,
  field: 'idempotent_answer',
  version: 0,
})
