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

const keyOf = (source: SealedSource): string => source.key.map((column) => `t.${column.name}`).join(', ')

const following = (source: SealedSource, isFirst: boolean): string => {
  const after = source.key.map((column, index) => keyFromText(column, `:after${index}`)).join(', ')
  return `from ${source.table} t ${isFirst ? '' : `where (${keyOf(source)}) > (${after})`}
    order by ${keyOf(source)} limit :limit`
}

// Key id: bytes 2 to 9 of an envelope (vault/vault.ts). Rows under the primary key travel as their key alone.
const windowStatement = (source: SealedSource, isFirst: boolean): string => `
    select array[${source.key.map(keyAsText).join(', ')}] as key, ${source.tenant} as tenant_id,
           ${source.record} as record_id, (${source.version})::text as version,
           case when substring(t.${source.column} from 2 for 8) <> decode(:keyId, 'hex') then t.${source.column} end as sealed
    ${following(source, isFirst)}`

// Where the window ends is told once, in the row of no key.
const countStatement = (source: SealedSource, isFirst: boolean): string => `
    with looked as materialized (
      select array[${source.key.map(keyAsText).join(', ')}] as key, row_number() over (order by ${keyOf(source)}) as place,
             encode(substring(t.${source.column} from 2 for 8), 'hex') as key_id
      ${following(source, isFirst)}
    )
    select key_id, count(*)::int as rows, null::text[] as last from looked where key_id <> :keyId group by key_id
    union all select null, 0, (select key from looked where place = :limit)`

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
      const sql = windowStatement(source, after === undefined)
      const rows = await query<WindowRow>(knex, sql, { ...positionOf(after), keyId, limit })
      return {
        rows: rows.flatMap((row) => (row.sealed === null ? [] : [toSealedRow(source, row, row.sealed)])),
        lookedAt: rows.length,
        last: rows.length < limit ? undefined : rows.at(-1)?.key,
      }
    },

    async count(name, after, limit, keyId) {
      const rows = await query<{ key_id: string | null; rows: number; last: string[] | null }>(
        knex,
        countStatement(sourceOf(name), after === undefined),
        { ...positionOf(after), keyId, limit },
      )
      const counts = rows.flatMap(({ key_id: id, rows: count }) => (id === null ? [] : [[id, count] as const]))
      return { rows: Object.fromEntries(counts), last: rows.find(({ key_id: id }) => id === null)?.last ?? undefined }
    },

    async replace(name, changes) {
      const rows = changes.map(({ key, from, to }) => ({ key, was: from.toString('hex'), becomes: to.toString('hex') }))
      return (await query(knex, replaceStatement(sourceOf(name)), { changes: JSON.stringify(rows) })).length
    },
  }
}

const positionOf = (after: readonly string[] = []): Record<string, string> =>
  Object.fromEntries(after.map((text, index) => [`after${index}`, text]))

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
