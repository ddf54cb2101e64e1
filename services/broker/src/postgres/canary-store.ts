import type { Knex } from 'knex'
import type { CanaryStore } from '../flows/ports.js'
import { mapErrors } from './database-errors.js'

type Row = { key_id: string; envelope: Buffer }

/** Canaries of the encryption keys; a handful of rows. */
export function createCanaryStore(knex: Knex): CanaryStore {
  return {
    async list() {
      const rows = await mapErrors(() => knex<Row>('vault_canaries').select('key_id', 'envelope').orderBy('key_id'))
      return rows.map((row) => ({ keyId: row.key_id, envelope: row.envelope }))
    },
    async add(keyId, envelope) {
      const row = { key_id: keyId, envelope }
      await mapErrors(() => knex<Row>('vault_canaries').insert(row).onConflict('key_id').ignore())
    },
  }
}
