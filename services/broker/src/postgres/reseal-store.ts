import { randomUUID } from 'node:crypto'
import type { ResealStore, SealedRow } from '../flows/ports/vault.js'
import type { Database } from './database.js'
import { query } from './query.js'
import { createRotationStore } from './rotation-store.js'
import { keyAsText, keyFromText, type SealedSource, sealedSources } from './sealed-sources.js'

type WindowRow = {
  key: string[]
  sealed: Buffer | null
  tenant_id: string
  record_id: string
  version: string
}

// Key id: bytes 2 to 9 of an envelope (vault/vault.ts). Rows under the primary key travel as their key alone.
const windowStatement = (source: SealedSource, isFirst: boolean): string => {
  const key = source.key.map((column) => `t.${column.name}`).join(', ')
  const after = source.key.map((column, index) => keyFromText(column, `:after${index}`)).join(', ')
  return `
    select array[${source.key.map(keyAsText).join(', ')}] as key, ${source.tenant} as tenant_id,
           ${source.record} as record_id, (${source.version})::text as version,
           case when substring(t.${source.column} from 2 for 8) <> decode(:keyId, 'hex') then t.${source.column} end as sealed
    from ${source.table} t
    ${isFirst ? '' : `where (${key}) > (${after})`}
    order by ${key} limit :limit`
}

// Whoever holds a row at this moment is changing it, and seals it under the primary key himself; the next pass looks again.
const replaceStatement = (source: SealedSource): string => {
  const matches = source.key.map((column, index) => `t.${column.name} = ${keyFromText(column, `c.key->>${index}`)}`)
  return `
    with changes as (select key, decode(was, 'hex') as was, decode(becomes, 'hex') as becomes
                     from jsonb_to_recordset(:changes::jsonb) as c (key jsonb, was text, becomes text)),
    held as (
      select t.ctid as place, c.becomes from changes c
      join ${source.table} t on ${matches.join(' and ')} and t.${source.column} = c.was
      for update of t skip locked
    )
    update ${source.table} t set ${source.column} = held.becomes from held where t.ctid = held.place
    returning 1 as one`
}

export function createResealStore(database: Database): ResealStore {
  const { knex } = database
  return {
    ...createRotationStore(database, randomUUID(), sealedSources[0]?.name ?? ''),
    sources: sealedSources.map(({ name }) => name),

    async window(name, after, limit, keyId) {
      const source = sourceOf(name)
      const position = Object.fromEntries((after ?? []).map((text, index) => [`after${index}`, text]))
      const sql = windowStatement(source, after === undefined)
      const rows = await query<WindowRow>(knex, sql, { ...position, keyId, limit })
      return {
        rows: rows.flatMap((row) => (row.sealed === null ? [] : [toSealedRow(source, row, row.sealed)])),
        lookedAt: rows.length,
        last: rows.length < limit ? undefined : rows.at(-1)?.key,
      }
    },

    async replace(name, changes) {
      const rows = changes.map(({ key, from, to }) => ({ key, was: from.toString('hex'), becomes: to.toString('hex') }))
      return (await query(knex, replaceStatement(sourceOf(name)), { changes: JSON.stringify(rows) })).length
    },
  }
}

function sourceOf(name: string): SealedSource {
  const source = sealedSources.find((each) => each.name === name)
  if (source === undefined) throw new Error(`nothing sealed is called "${name}"`)
  return source
}

const toSealedRow = (source: SealedSource, row: WindowRow, sealed: Buffer): SealedRow => ({
  key: row.key,
  sealed,
  context: { tenantId: row.tenant_id, recordId: row.record_id, field: source.field, version: Number(row.version) },
})
