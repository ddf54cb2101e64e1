import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { prepareWrite, wantedConnection, wantedRows } from '../../src/postgres/prepare-write.js'
import { behindALock } from './behind-a-lock.js'
import {
  activateWith,
  authorizationRequest,
  captured,
  givenActive,
  givenPending,
  givenProvider,
  nothingKnown,
  startStores,
  type TestStores,
} from './start-stores.js'

// Owns the claims about callbacks of the same moment, which share statements and commits.

let stores: TestStores
let providerId: string
beforeAll(async () => {
  stores = await startStores()
  providerId = await givenProvider(stores)
})
afterAll(() => stores.stop())

const pending = async (count: number) => {
  const requests = Array.from({ length: count }, () => givenPending(stores, { providerId }))
  return (await Promise.all(requests)).map((each) => ({
    ...each,
    browserDigest: undefined,
    isClaimed: false,
    isExpired: false,
  }))
}

const commitsOf = async (requests: readonly { id: string }[]) => {
  const sql = 'select count(distinct xmin::text)::int as count from authorization_requests where id = any($1)'
  return (await stores.sql(sql, [requests.map(({ id }) => id)]))[0]?.['count']
}

test('claims, captures and activations of the same moment share a commit each, and each is answered for itself', async () => {
  const requests = await pending(20)
  const [first] = requests
  if (first !== undefined) await stores.authorizationRequests.claim(first)
  const claims = await Promise.all(requests.map((request) => stores.authorizationRequests.claim(request)))
  expect(claims.map(({ kind }) => kind)).toEqual(['used', ...Array<string>(19).fill('claimed')])
  expect(await commitsOf(requests.slice(1))).toBe(1)

  const grants = requests.map((_, turn) => captured(`canary-${turn}`))
  await Promise.all(
    requests.map((request, turn) =>
      stores.authorizationRequests.capture(request, grants[turn]?.sealed ?? Buffer.alloc(0)),
    ),
  )
  expect(await commitsOf(requests)).toBe(1)

  const active = await Promise.all(
    requests.map((request, turn) => activateWith(stores, request, grants[turn] ?? captured())),
  )
  expect(active).toEqual(Array(20).fill(true))
  expect(await commitsOf(requests)).toBe(1)
  const held = await Promise.all(requests.map(({ key }) => stores.connections.readCredentials(key)))
  expect(held.map((row) => row?.sealedCredentials)).toEqual(grants.map(({ sealed }) => sealed))
})

test('of two claims of one consent in the same moment exactly one gets the secrets', async () => {
  const [twice, other] = await pending(2)
  if (twice === undefined || other === undefined) throw new Error('no consents')
  const kinds = await Promise.all([twice, other, twice].map((each) => stores.authorizationRequests.claim(each)))
  expect(kinds.map(({ kind }) => kind).sort()).toEqual(['claimed', 'claimed', 'used'])
})

test('of two reconnects of one connection that end in the same moment exactly one takes it, the other keeps its grant to revoke', async () => {
  const key = await givenActive(stores, { providerId })
  const requests = [0, 1].map(() => authorizationRequest({ key, providerId, intent: 'reconnect' }))
  const grants = requests.map((_, turn) => captured(`${turn}`))
  for (const [turn, request] of requests.entries()) {
    await stores.authorizationRequests.add(request)
    await stores.authorizationRequests.capture(request, grants[turn]?.sealed ?? Buffer.alloc(0))
  }
  const target = await stores.connections.activationTarget(requests[0] ?? { key, id: '' })
  if (target === undefined) throw new Error('the connection takes nothing')
  const active = await Promise.all(
    requests.map((request, turn) =>
      stores.connections.activate(request, target, { ...nothingKnown, ...(grants[turn] ?? captured()) }, []),
    ),
  )
  expect(active.toSorted()).toEqual([false, true])
  const kept = `select id from authorization_requests where connection_id = $1 and sealed_captured is not null`
  expect(await stores.sql(kept, [key.connectionId])).toEqual([{ id: requests[active.indexOf(false)]?.id }])
})

test('one grant that the table refuses takes no other with it', async () => {
  const requests = await pending(3)
  const outcomes = await Promise.allSettled(
    requests.map((request, turn) =>
      activateWith(stores, request, captured(), { grantedScope: turn === 1 ? 'a \u0000' : 'a' }),
    ),
  )
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  const states = await Promise.all(requests.map(({ key }) => stores.connections.view(key)))
  expect(states.map((view) => view?.status)).toEqual(['active', 'pending', 'active'])
})

test('processes that claim the same consents in opposite orders do not wait for each other in a circle', async () => {
  const requests = await pending(12)
  const middle = requests[6]
  if (middle === undefined) throw new Error('no consents')
  const replicas = [stores.replica().stores, stores.replica().stores]
  const claims = await behindALock(stores, middle.key.connectionId, 2, () =>
    Promise.all(
      replicas.map(({ authorizationRequests }, turn) =>
        Promise.all(
          (turn === 0 ? requests : requests.toReversed()).map((request) => authorizationRequests.claim(request)),
        ),
      ),
    ),
  )
  expect(claims.flat().filter(({ kind }) => kind === 'claimed')).toHaveLength(12)
  expect(await stores.sql('select deadlocks::int from pg_stat_database where datname = current_database()')).toEqual([
    { deadlocks: 0 },
  ])
})

const notes = `notes_of (tenant_id text, connection_id text, note text, texts text[], json jsonb, bytes bytea, at timestamptz,
  n bigint, primary key (tenant_id, connection_id))`
const noteColumns = `${wantedConnection}, note text, texts text[], json jsonb, bytes bytea, at timestamptz, n bigint`

test('every value of a write arrives as it was given', async () => {
  await stores.sql(`create table ${notes}`)
  const { database } = stores
  const write = prepareWrite<{ note: string | null }>(
    database,
    'note_add',
    `insert into notes_of select tenant_id, connection_id, note, texts, json, bytes, at, n from ${wantedRows} as w (${noteColumns})
     returning connection_id::int as position, note`,
    { on: database.pool, atOnce: 1 },
  )
  const texts = ['', 'a\nb', 'a\r\nb', '\\n', '"', `'; --`, 'NULL', '{}', '\u2028', '\u{1f600}', ' tab\t']
  const written = [...texts, null].map((note, index) => ({
    note,
    texts: index === 0 ? [] : texts,
    json: { [String(note)]: [note, null, {}] },
    bytes: index === 0 ? null : '\\x00ff0a',
    at: index === 0 ? 'infinity' : new Date(index),
    n: String(2n ** 62n + BigInt(index)),
  }))
  const place = (index: number) => ({ tenant_id: 't', connection_id: String(index) })
  const answers = await Promise.all(written.map((each, index) => write({ ...place(index), ...each })))
  expect(answers).toEqual(written.map(({ note }, index) => ({ position: index, note })))
  const rows = await stores.sql('select note, texts, json, bytes, at, n from notes_of order by connection_id::int')
  expect(rows).toEqual(
    written.map((each, index) => ({
      ...each,
      bytes: index === 0 ? null : Buffer.from([0, 255, 10]),
      at: index === 0 ? Infinity : new Date(index),
    })),
  )
})

test('one statement for any number of writes goes by the keys, also in a table of some hundred rows', async () => {
  await stores.sql(`create table ${notes.replace('notes_of', 'many_notes')}`)
  await stores.sql(`insert into many_notes select 't', n::text, repeat('x', 1000) from generate_series(1, 500) n`)
  await stores.sql('analyze many_notes')
  await stores.sql('set plan_cache_mode = force_generic_plan')
  await stores.sql(`prepare note_change as update many_notes n set note = w.note
    from ${wantedRows.replace(':rows', '$1')} as w (${noteColumns})
    where n.tenant_id = w.tenant_id and n.connection_id = w.connection_id`)
  const plan = await stores.sql(`explain (format json) execute note_change ('')`)
  await stores.sql('reset plan_cache_mode')
  expect(JSON.stringify(plan)).toContain('"Index Scan"')
  expect(JSON.stringify(plan)).not.toContain('"Seq Scan"')
})
