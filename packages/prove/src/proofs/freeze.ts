import { setTimeout as pause } from 'node:timers/promises'
import { churn, shortLivedSeconds } from '../churn.js'
import { exactly, listed, none, type Proof, shown } from '../proof.js'
import type { Fleet } from '../fleet.js'

// R6, its process half: a replica stands still for longer than its leases and goes on as if nothing had happened.

const frozenMs = 16_500 // a lease lasts 15 s

export const freeze: Proof = {
  id: 'R6-freeze',
  title: 'SIGSTOP past the lease, then SIGCONT, provider with 30 s of grace',
  goal: '20 freezes longer than the lease: 0 lost, 0 outdated refresh tokens sent, 0 failed reads',
  deadlineMinutes: 15,
  async run(run) {
    const stage = await run.openStage(4)
    // At a strict provider a frozen holder is like a killed one (R4): what it had sent is lost. What must never happen, with
    // either, is that it wakes up and sends a token that others have replaced: here that would end the grant.
    const provider = await stage.addProvider({
      name: 'busy',
      graceMs: 30_000,
      accessTokenSeconds: shortLivedSeconds,
      latency: { meanMs: 80 },
    })
    const times = run.scaled(20, 2)
    let count = 0
    const { connections, ledger, reads, refreshes, presentedAgain, worked } = await churn({
      run,
      stage,
      provider,
      connections: run.scaled(600, 40),
      requestTimeoutMs: 3_000,
      async faults() {
        while (count < times) {
          await freezeTwo(stage.fleet)
          count += 2
          await pause(1_500)
        }
      },
      struck: () => `${count} of ${times} freezes`,
    })
    const orphans = await stage.database.rows('select 1 from credential_orphans')
    return [
      exactly('freezes', times + (times % 2), count),
      exactly('connections that hold the current refresh token', connections.length, ledger.intact),
      exactly('connections whose next refresh works', connections.length, worked),
      exactly('outdated refresh tokens sent', 0, ledger.reuses),
      none('failed reads', { ...reads.failed, ...reads.attention }),
      exactly('replicas that ended on their own', 0, stage.fleet.unexpectedEnds()),
      shown('late answers kept aside', orphans.length),
      shown('recovered inside the grace', presentedAgain),
      shown('reads, refreshes', `${reads.reads}, ${refreshes}`),
      shown('retried', listed(reads.retried)),
    ]
  },
}

/** Two of the replicas at the same time: the others carry on. */
async function freezeTwo(fleet: Fleet): Promise<void> {
  const first = Math.floor(Math.random() * fleet.urls.length)
  const frozen = [first, (first + 1) % fleet.urls.length]
  frozen.forEach(fleet.freeze)
  await pause(frozenMs)
  frozen.forEach(fleet.thaw)
}
