import { setTimeout as pause } from 'node:timers/promises'
import type { AuditSegmentStore } from '../flows/ports/audit.js'
import type { Database } from './database.js'
import { query } from './query.js'

// Every column of a row; a test holds the list against the schema. Times as numbers: their text depends on the session.
const digestStatement = `
  select count(*)::int as rows, max(created_at) as newest_at,
         encode(sha256(convert_to(coalesce(string_agg(jsonb_build_array(id, extract(epoch from created_at), tenant_id,
           connection_id, event_type, event_data, client_id, key_id, request_id, ip_address::text, user_agent)::text,
           E'\\n' order by id), ''), 'UTF8')), 'hex') as rows_digest
  from audit_events where id > :after::bigint and id <= :upTo::bigint`

// A writer holds this lock from before it takes its ids until it has committed. So: whoever holds none now has none of the
// ids seen before, and a transaction that ends leaves nothing to come.
const writersStatement = `
  select virtualtransaction as writer from pg_locks
  where locktype = 'relation' and relation = 'audit_events'::regclass and mode = 'RowExclusiveLock'
    and database = (select oid from pg_database where datname = current_database())`

const patienceRounds = 20
const roundMs = 50

export function createAuditSegmentStore({ knex }: Database): AuditSegmentStore {
  const writers = async (): Promise<Set<string>> =>
    new Set((await query<{ writer: string }>(knex, writersStatement)).map(({ writer }) => writer))

  async function waitForWriters(): Promise<boolean> {
    let waitingFor = await writers()
    for (let round = 0; waitingFor.size > 0 && round < patienceRounds; round++) {
      await pause(roundMs)
      const still = await writers()
      waitingFor = new Set([...waitingFor].filter((each) => still.has(each)))
    }
    return waitingFor.size === 0
  }

  return {
    async last() {
      const [row] = await query<Row>(knex, `${columns} order by id desc limit 1`)
      return row && toSegment(row)
    },

    async list(after, limit) {
      const rows = await query<Row>(knex, `${columns} where id > :after order by id limit :limit`, { after, limit })
      return rows.map(toSegment)
    },

    async settled(after, limit) {
      const [row] = await query<{ up_to: string | null }>(
        knex,
        `select max(id) as up_to from
           (select id from audit_events where id > :after::bigint order by id limit :limit) as next`,
        { after, limit },
      )
      if (row === undefined || row.up_to === null) return undefined
      return (await waitForWriters()) ? row.up_to : undefined
    },

    async digest(after, upTo) {
      type Digested = { rows: number; newest_at: Date | null; rows_digest: string }
      const [row] = await query<Digested>(knex, digestStatement, { after, upTo })
      if (row === undefined) throw new Error('an aggregate answered no row')
      return { rows: row.rows, rowsDigest: row.rows_digest, newestAt: row.newest_at ?? undefined }
    },

    async add({ number, sealed, upTo, newestAt }) {
      const added = await query(
        knex,
        `insert into audit_segments (id, last_event_id, newest_at, sealed_segment)
         values (:number, :upTo::bigint, :newestAt, :sealed) on conflict (id) do nothing returning 1 as one`,
        { number, upTo, newestAt, sealed },
      )
      return added.length > 0
    },

    async unretired(days, limit) {
      const rows = await query<Row & { is_old: boolean }>(
        knex,
        `select id, sealed_segment, newest_at < now() - make_interval(days => :days) as is_old
         from audit_segments where not is_retired order by id limit :limit`,
        { days, limit },
      )
      return rows.map((row) => ({ ...toSegment(row), isOld: row.is_old }))
    },

    async retire(number, from, to) {
      const changed = await query(
        knex,
        `update audit_segments set is_retired = true, sealed_segment = :to
         where id = :number and sealed_segment = :from returning 1 as one`,
        { number, from, to },
      )
      return changed.length > 0
    },

    async countAfter(id) {
      const [row] = await query<{ count: number }>(
        knex,
        'select count(*)::int as count from audit_events where id > :id::bigint',
        { id },
      )
      return row?.count ?? 0
    },
  }
}

const columns = 'select id, sealed_segment from audit_segments'

type Row = { id: string; sealed_segment: Buffer }

const toSegment = (row: Row): { number: number; sealed: Buffer } => ({
  number: Number(row.id),
  sealed: row.sealed_segment,
})
