import { setTimeout as pause } from 'node:timers/promises'
import { seedIdle } from '@dromos/prove'
import { compare } from '../compare.js'
import { addConnections, addProvider } from '../connections.js'
import { productReads } from '../contenders.js'
import { allGood, atMost, below, shown } from '../findings.js'
import { startLab } from '../lab.js'
import { type Pair, startPair } from '../pair.js'
import type { Run, Scenario } from '../scenario.js'
import { ratio } from '../side.js'

const [few, many] = [1_000, 1_000_000]
/** Of the many, one in ten can be opened, and those are read. */
const readable = 10
const duePerSecond = 50

export const largeTable: Scenario = {
  id: 'P6',
  title: 'a million connections',
  goal: '1,000,000 connections in the table: token read p99 <= 1.25 x that with 1,000; claim of the scheduler p99 < 10 ms',
  async run(run) {
    // The rate of claims is that of ten replicas.
    const changes = { broker: { SCHEDULER_INTERVAL_MS: '100' } }
    const small = await startPair(run)
    const smallIds = await addConnections(small, await addProvider(small), few)
    const large = await startPair(run, changes)
    const providerId = await addProvider(large)
    const rows = Math.max(Math.round(many * run.scale), 2 * few)
    await seedIdle(large.database, providerId, rows - rows / readable, (made) =>
      run.show(`${made} of ${rows} rows seeded`),
    )
    const largeIds = await addConnections(large, providerId, Math.round(rows / readable))
    const sides = await compare(run, [
      productReads(small, smallIds, `${few} rows`),
      productReads(large, largeIds, `${rows} rows`),
    ])
    const [first, second] = sides
    if (first === undefined || second === undefined) throw new Error('nothing was measured')
    return {
      sides,
      findings: [
        atMost(
          'p99 / p99 of the small table',
          1.25,
          ratio(second, first, ({ p99Ms }) => p99Ms),
        ),
        allGood(sides),
        ...(await measureClaims(run, large)),
      ],
    }
  },
}

/** Connections come due one after the other and are refreshed; PostgreSQL itself says how long each claim took. */
async function measureClaims(run: Run, pair: Pair) {
  const lab = await startLab(run, pair, { latency: { meanMs: 80 } })
  const seconds = Math.max(run.seconds * run.rounds, 2)
  // Ten minutes before their end, tokens of an hour are due.
  const ids = await lab.addConnections(Math.ceil(seconds * duePerSecond), 600_000)
  await pair.database.logStatementsFrom(0)
  await pair.database.rows(
    `update connections set last_used_at = now(), last_refreshed_at = expires_at - interval '1 hour',
       next_refresh_at = now() + place * interval '1 second' / $2
     from unnest($1::text[]) with ordinality as due (due_id, place) where tenant_id = 'default' and id = due_id`,
    [ids, duePerSecond],
  )
  run.show(`${ids.length} connections come due, ${duePerSecond} a second`)
  await pause(seconds * 1_000)
  const claims = run.server.loggedDurationsMs('order by next_refresh_at').sort((one, other) => one - other)
  const { refreshes } = await lab.provider.counts('lab')
  return [
    below('claim p99', 10, 'ms', claims[Math.min(claims.length - 1, Math.floor(claims.length * 0.99))] ?? NaN),
    shown('claims, and refreshes meanwhile', `${claims.length}, ${refreshes}`),
  ]
}
