import { setTimeout as pause } from 'node:timers/promises'
import { call } from '../broker-api.js'
import { churn, type Churn, shortLivedSeconds } from '../churn.js'
import { below, exactly, type Finding, listed, none, type Proof, shown } from '../proof.js'
import type { Stage } from '../stage.js'

// R6, its database half: sessions are ended under the brokers, and PostgreSQL is killed and recovers.

export const sessionsEnded: Proof = {
  id: 'R6-sessions',
  title: 'all database sessions terminated, strict provider',
  goal: '200 times every session of every broker is ended, 1 % of answers take 3 s: 0 lost, 0 failed reads',
  deadlineMinutes: 12,
  async run(run) {
    const stage = await run.openStage(4)
    const provider = await stage.addProvider({
      name: 'busy',
      graceMs: 0,
      accessTokenSeconds: shortLivedSeconds,
      latency: { meanMs: 80, slow: [{ share: 0.01, ms: 3_000 }] },
    })
    const times = run.scaled(200, 5)
    let [count, ended] = [0, 0]
    const result = await churn({
      run,
      stage,
      provider,
      connections: run.scaled(600, 40),
      async faults() {
        for (; count < times; count++) {
          await pause(250 + 400 * Math.random())
          ended += await stage.database.endBrokerSessions()
        }
      },
      struck: () => `${count} of ${times} times, ${ended} sessions ended`,
    })
    return [...noneLost(stage, result), shown('sessions ended', ended)]
  },
}

export const serverCrashed: Proof = {
  id: 'R6-crash',
  title: 'PostgreSQL killed and recovered, strict provider',
  goal: '30 times PostgreSQL is killed under load and recovers: 0 lost, 0 failed reads, reads resume < 5 s after it is up',
  deadlineMinutes: 12,
  async run(run) {
    const stage = await run.openStage(4)
    const provider = await stage.addProvider({
      name: 'busy',
      graceMs: 0,
      accessTokenSeconds: shortLivedSeconds,
      latency: { meanMs: 80 },
    })
    const times = run.scaled(30, 2)
    let count = 0
    let slowestMs = 0
    const result = await churn({
      run,
      stage,
      provider,
      connections: run.scaled(600, 40),
      async faults() {
        for (; count < times; count++) {
          await pause(1_500 + 1_000 * Math.random())
          const { readyAtMs } = await run.server.crashAndRecover()
          const id = await anyConnection(stage)
          const resumedAtMs = await Promise.all(stage.fleet.urls.map((url) => firstRead(url, id)))
          slowestMs = Math.max(slowestMs, ...resumedAtMs.map((atMs) => atMs - readyAtMs))
        }
      },
      struck: () => `${count} of ${times} crashes`,
    })
    return [
      exactly('crashes', times, count),
      ...noneLost(stage, result),
      below(run, 'slowest replica to serve a read again', 5_000, 'ms', Math.round(slowestMs)),
    ]
  },
}

function noneLost(
  { fleet }: Stage,
  { connections, ledger, reads, refreshes, presentedAgain, worked }: Churn,
): Finding[] {
  return [
    exactly('connections that hold the current refresh token', connections.length, ledger.intact),
    exactly('connections whose next refresh works', connections.length, worked),
    exactly('refresh tokens presented twice', 0, presentedAgain),
    none('failed reads', { ...reads.failed, ...reads.attention }),
    exactly('replicas that ended on their own', 0, fleet.unexpectedEnds()),
    shown('reads, refreshes', `${reads.reads}, ${refreshes}`),
    shown('retried', listed(reads.retried)),
  ]
}

async function anyConnection({ database }: Stage): Promise<string> {
  const [row] = await database.rows<{ id: string }>('select id from connections limit 1')
  if (row === undefined) throw new Error('no connection was seeded')
  return row.id
}

const resumeDeadlineMs = 60_000

/** When this replica first served a token again. */
async function firstRead(url: string, connectionId: string): Promise<number> {
  const giveUpAtMs = performance.now() + resumeDeadlineMs
  while (performance.now() < giveUpAtMs) {
    const answer = await call('GET', `${url}/connections/${connectionId}/token`).catch(() => undefined)
    if (answer?.status === 200) return performance.now()
    await pause(25)
  }
  throw new Error(`${url} served no read after PostgreSQL was up again`)
}
