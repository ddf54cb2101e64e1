import type { Rotation } from '../domain/key-rotation.js'
import type { ResealStore } from '../flows/ports/vault.js'
import type { Database } from './database.js'
import { query } from './query.js'

// Owns the row that says where a rotation stands. One process works on it at a time; a dead one is followed after ten seconds.

const columns = `key_id, pass, source, position, found, looked_at, resealed, unopened, rows_left, retired_keys, is_paused,
  rows_per_second, started_at, updated_at, finished_at`

type Columns = {
  key_id: string
  pass: number
  source: string
  position: string[] | null
  found: string
  looked_at: string
  resealed: string
  unopened: Record<string, number>
  rows_left: Record<string, number>
  retired_keys: string[]
  is_paused: boolean
  rows_per_second: number
  started_at: Date
  updated_at: Date
  finished_at: Date | null
}

const isOurs = `key_id = :keyId and worker = :worker and worker_until > now() and finished_at is null`

// A rotation that was asked for again begins anew; one under way goes on.
const requestStatement = `
  insert into reseal_progress (key_id, source) values (:keyId, :firstSource)
  on conflict (key_id) do update
    set pass = 0, source = :firstSource, position = null, found = 0, looked_at = 0, resealed = 0, unopened = '{}', rows_left = '{}',
        is_paused = false, worker = null, worker_until = null, started_at = now(), updated_at = now(), finished_at = null
    where reseal_progress.finished_at is not null`

const saveStatement = `
  update reseal_progress
  set pass = :pass, source = :source, position = :position::jsonb, found = :found, looked_at = :lookedAt,
      resealed = :resealed, unopened = :unopened::jsonb, rows_left = :rowsLeft::jsonb, retired_keys = :retiredKeys, updated_at = now(),
      worker_until = now() + interval '10 seconds'`

export function createRotationStore(
  { knex }: Database,
  worker: string,
  firstSource: string,
): Pick<ResealStore, 'request' | 'latest' | 'adjust' | 'take' | 'save' | 'finish'> {
  const save = async (rotation: Rotation, ending: string): Promise<boolean> => {
    const rows = await query(knex, `${saveStatement}${ending} where ${isOurs} returning 1 as one`, {
      ...bindings(rotation),
      worker,
    })
    return rows.length === 1
  }
  return {
    async request(keyId) {
      await query(knex, requestStatement, { keyId, firstSource })
    },

    async latest() {
      const sql = `select ${columns} from reseal_progress order by started_at desc limit 1`
      const [row] = await query<Columns>(knex, sql)
      return row && toRotation(row)
    },

    async adjust(keyId, { isPaused, rowsPerSecond }) {
      await query(
        knex,
        `update reseal_progress set is_paused = coalesce(:isPaused, is_paused),
           rows_per_second = coalesce(:rowsPerSecond, rows_per_second), updated_at = now()
         where key_id = :keyId`,
        { keyId, isPaused, rowsPerSecond },
      )
    },

    async take(keyId) {
      const [row] = await query<Columns>(
        knex,
        `update reseal_progress set worker = :worker, worker_until = now() + interval '10 seconds'
         where key_id = :keyId and finished_at is null and not is_paused
           and (worker = :worker or worker is null or worker_until <= now())
         returning ${columns}`,
        { keyId, worker },
      )
      return row && toRotation(row)
    },

    save: (rotation) => save(rotation, ''),
    finish: (rotation) => save(rotation, ', finished_at = now()'),
  }
}

const bindings = (rotation: Rotation) => ({
  keyId: rotation.keyId,
  pass: rotation.pass,
  source: rotation.source,
  position: rotation.position && JSON.stringify(rotation.position),
  found: rotation.found,
  lookedAt: rotation.lookedAt,
  resealed: rotation.resealed,
  unopened: JSON.stringify(rotation.unopened),
  rowsLeft: JSON.stringify(rotation.rowsLeft),
  retiredKeys: rotation.retiredKeys,
})

const toRotation = (row: Columns): Rotation => ({
  keyId: row.key_id,
  pass: row.pass,
  source: row.source,
  position: row.position ?? undefined,
  found: Number(row.found),
  lookedAt: Number(row.looked_at),
  resealed: Number(row.resealed),
  unopened: row.unopened,
  rowsLeft: row.rows_left,
  retiredKeys: row.retired_keys,
  isPaused: row.is_paused,
  rowsPerSecond: row.rows_per_second,
  startedAt: row.started_at,
  updatedAt: row.updated_at,
  finishedAt: row.finished_at ?? undefined,
})
