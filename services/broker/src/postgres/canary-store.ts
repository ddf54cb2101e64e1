import type { CanaryStore } from '../flows/ports/vault.js'
import type { Database } from './database.js'
import { query } from './query.js'

/** Canaries of the encryption keys; a handful of rows. */
export function createCanaryStore(knex: Database['knex']): CanaryStore {
  return {
    async list() {
      const rows = await query<{ key_id: string; envelope: Buffer }>(
        knex,
        'select key_id, envelope from vault_canaries order by key_id',
      )
      return rows.map((row) => ({ keyId: row.key_id, envelope: row.envelope }))
    },
    async remove(keyId) {
      await query(knex, 'delete from vault_canaries where key_id = :keyId', { keyId })
    },
    async add(keyId, envelope) {
      await query(
        knex,
        'insert into vault_canaries (key_id, envelope) values (:keyId, :envelope) on conflict (key_id) do nothing',
        { keyId, envelope },
      )
    },
  }
}
