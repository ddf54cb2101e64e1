import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { ConnectionKey } from '../../src/domain/connection.js'
import type { LeaseStore } from '../../src/flows/ports/refresh.js'
import { eventually } from '../postgres/eventually.js'
import {
  authorizationRequest,
  captured,
  eventAbout,
  givenActive,
  nothingKnown,
  startStores,
  type TestStores,
} from '../postgres/start-stores.js'
import { createRandom, type Random } from './random.js'
import { newRow, type Row, type Server, statements, type View } from './row-model.js'

// The simulator is worth as much as its model of the row: the same statements in the same order, on the model and on
// PostgreSQL, must answer the same and leave the same row.

let stores: TestStores
let stations: readonly LeaseStore[]
beforeAll(async () => {
  stores = await startStores()
  stations = [stores.leases, stores.replica().stores.leases]
  for (const { owner } of stations) await eventually(() => isLockHeld(owner))
})
afterAll(() => stores.stop())

const isLockHeld = async (owner: bigint): Promise<boolean> => {
  const sql = `select 1 from pg_locks where locktype = 'advisory' and granted
               and (classid::bigint << 32) + objid::bigint = $1::bigint`
  return (await stores.sql(sql, [String(owner)])).length > 0
}

const nobody = '1'
const startedAtMs = performance.now()

/** The same connection twice. */
type Pair = { key: ConnectionKey; row: Row; agedMs: number }

const serverOf = ({ agedMs }: Pair): Server => ({
  nowMs: performance.now() - startedAtMs + agedMs,
  incarnation: 1,
  isLockFree: (owner) => owner === nobody,
})

const credentials = (text: string): Row['credentials'] => ({
  type: 'oauth2',
  accessToken: text,
  tokenType: 'Bearer',
  refreshToken: undefined,
  idToken: undefined,
  scope: undefined,
  expiresAtMs: undefined,
  extra: {},
})

const refreshed = (key: ConnectionKey) => eventAbout(key, 'token_refreshed')

type Statement = { name: string; onModel(): unknown; onPostgres(): Promise<unknown> }

/** A statement as any replica could send it, now or long after it had a reason to. */
function anyStatement(random: Random, pair: Pair, text: string): Statement {
  const { key, row } = pair
  const server = serverOf(pair)
  const leases = random.pick(stations)
  const fence = random.chance(0.7) ? row.fence : Math.max(row.fence - 1, 0)
  const version = random.chance(0.8) ? row.version : row.version - 1
  const attempt = random.pick(['idle', 'in_doubt'] as const)
  const backoffMs = random.pick([0, 0, 5_000])
  const backoff = { attempt, backoffMs, countsAsFailure: random.chance(0.5) }
  const ending = { attempt, backoffMs, reason: random.chance(0.05) ? ('lost_rotation' as const) : undefined }
  const looksAtOwner = random.chance(0.6)
  const takesOver = random.chance(0.7)
  const wish = { version, takesOver, leaseMs: 15_000 }
  const belowFence = row.fence + random.between(0, 1)
  const all: Record<string, Omit<Statement, 'name'>> = {
    view: {
      onModel: () => essence(statements.view(row, server, looksAtOwner)),
      onPostgres: async () => {
        const view = await leases.view(key, looksAtOwner)
        return view && essence({ ...view, credentials: credentials(textOf(view.sealedCredentials)) })
      },
    },
    acquire: {
      onModel: () => statements.acquire(row, server, { ...wish, owner: String(leases.owner), isLive: true }),
      onPostgres: () => leases.acquire(key, { ...wish, fingerprint: Buffer.alloc(32, 1) }),
    },
    capture: {
      onModel: () => statements.capture(row, server, { fence, version }, credentials(text)),
      onPostgres: () => leases.capture(key, { fence, version }, captured(text)),
    },
    complete: {
      onModel: () => statements.complete(row, server, { fence, version }, credentials(text), { attempt, backoffMs }),
      onPostgres: () =>
        leases.complete(key, { fence, version }, captured(text), { attempt, backoffMs }, refreshed(key)),
    },
    settle: {
      onModel: () => statements.settle(row, server, fence, ending),
      onPostgres: () => leases.settle(key, fence, ending, refreshed(key)),
    },
    release: {
      onModel: () => statements.release(row, server, fence, backoff),
      onPostgres: () => leases.release(key, fence, { ...backoff, error: 'none' }),
    },
    fileOrphan: {
      onModel: () => statements.fileOrphan(row, server, fence, credentials(text)),
      onPostgres: () => leases.fileOrphan(key, fence, captured(text)),
    },
    findOrphan: {
      onModel: () => statements.findOrphan(row, server, belowFence)?.credentials.accessToken,
      onPostgres: async () => {
        const orphan = await leases.findOrphan(key, belowFence)
        return orphan && textOf(orphan.sealed)
      },
    },
    markAdopted: {
      onModel: () => statements.markAdopted(row, server, fence),
      onPostgres: () => leases.markAdopted(key, fence),
    },
    activate: {
      onModel: () => statements.activate(row, server, { fence, version }, credentials(text)),
      onPostgres: () => reconnect(key, { fence, version }, text),
    },
  }
  const name = random.pick(['view', 'view', 'view', 'acquire', 'acquire', 'acquire', 'capture', 'complete', 'settle', 'release', 'fileOrphan', 'findOrphan', 'markAdopted', 'activate']) // prettier-ignore
  const statement = all[name]
  if (statement === undefined) throw new Error(`no statement ${name}`)
  return { name, ...statement }
}

/** What a later consent brought is swapped in for the row as it was seen. */
async function reconnect(key: ConnectionKey, seen: { fence: number; version: number }, text: string): Promise<boolean> {
  const [held] = await stores.sql('select provider_id from connections where id = $1', [key.connectionId])
  const request = authorizationRequest({ key, providerId: String(held?.['provider_id']), intent: 'reconnect' })
  await stores.authorizationRequests.add(request)
  const target = await stores.connections.activationTarget(request)
  if (target === undefined) throw new Error('the consent has nothing to fill')
  return stores.connections.activate(request, { ...target, ...seen }, { ...nothingKnown, ...captured(text) }, [])
}

/** Clocks differ by the time a statement takes; what matters is on which side of a limit they are. */
const essence = ({ status, reason, version, attempt, isLeased, ownerGoneMs, backoffMs, credentials: held }: View) => ({
  status,
  reason,
  version,
  attempt,
  isLeased,
  held: held.accessToken,
  ownerGone: ownerGoneMs === undefined ? undefined : ownerGoneMs >= 1_500,
  isPaused: backoffMs > 0,
})

const textOf = (sealed: Buffer | undefined): string =>
  Buffer.from(/\(([0-9a-f]+)\)/.exec(String(sealed))?.[1] ?? '', 'hex').toString()

/** Time passes, the leaseholder dies, or the server restarts. */
async function somethingHappens(random: Random, pair: Pair): Promise<string> {
  const { key, row } = pair
  const change = (assignments: string, values: unknown[] = []): Promise<unknown> =>
    stores.sql(`update connections set ${assignments} where id = $1`, [key.connectionId, ...values])
  // Even seconds, so that no limit (1.5 s, 5 s, 15 s) is ever met to the millisecond.
  const seconds = random.pick([0, 0, 2, 2, 2, 8, 20])
  if (seconds > 0) {
    pair.agedMs += seconds * 1000
    const aged = ['lease_until', 'suspect_since', 'backoff_until']
    await change(aged.map((each) => `${each} = ${each} - make_interval(secs => $2)`).join(', '), [seconds])
    return `${seconds} s pass`
  }
  if (row.leaseOwner === undefined) return 'nothing happens'
  if (random.chance(0.6)) {
    row.leaseOwner = nobody
    await change(`lease_owner = ${nobody}`)
    if (random.chance(0.4)) return 'the leaseholder dies'
    row.suspectSinceMs = serverOf(pair).nowMs - 2_000
    await change(`suspect_since = now() - interval '2 seconds'`)
    return 'the leaseholder died, as somebody saw'
  }
  if (row.leaseIncarnation !== undefined) row.leaseIncarnation = 0
  await change(`lease_incarnation = lease_incarnation - interval '1 hour'`)
  return 'the server restarts'
}

async function rowOnPostgres({ key }: Pair): Promise<unknown> {
  const [row] = await stores.sql('select * from connections where id = $1', [key.connectionId])
  return (
    row && {
      status: row['status'],
      reason: row['reason'] ?? undefined,
      version: Number(row['version']),
      fence: Number(row['fence']),
      credentialsFence: Number(row['credentials_fence']),
      attempt: row['attempt_state'],
      failCount: row['fail_count'],
      leaseOwner: row['lease_owner'] ?? undefined,
      isSuspected: row['suspect_since'] !== null,
    }
  )
}

const rowOfModel = ({ row }: Pair): unknown => ({
  status: row.status,
  reason: row.reason,
  version: row.version,
  fence: row.fence,
  credentialsFence: row.credentialsFence,
  attempt: row.attempt,
  failCount: row.failCount,
  leaseOwner: row.leaseOwner,
  isSuspected: row.suspectSinceMs !== undefined,
})

test('the model of the row answers as PostgreSQL does, statement by statement', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = createRandom(seed)
    const pair: Pair = { key: await givenActive(stores), row: newRow(credentials('first')), agedMs: 0 }
    const story = [`seed ${seed}`]
    for (let turn = 0; turn < 30; turn++) {
      if (random.chance(0.35)) story.push(await somethingHappens(random, pair))
      const { name, onModel, onPostgres } = anyStatement(random, pair, `text-${seed}-${turn}`)
      story.push(name)
      const answers = { model: onModel(), postgres: await onPostgres() }
      expect({ story, answer: answers.postgres }).toEqual({ story, answer: answers.model })
      expect({ story, row: await rowOnPostgres(pair) }).toEqual({ story, row: rowOfModel(pair) })
    }
  }
}, 120_000)
