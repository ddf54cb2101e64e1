import { churn, shortLivedSeconds } from '../churn.js'
import { exactly, listed, none, type Proof, shown } from '../proof.js'
import { createStrikes } from '../strikes.js'

// R5: a rolling deployment that never ends.

export const drain: Proof = {
  id: 'R5',
  title: 'rolling SIGTERM, strict provider',
  goal: '200 SIGTERMs under load: 0 lost, 0 refresh tokens presented twice, 0 failed requests at a client that retries',
  deadlineMinutes: 15,
  async run(run) {
    const stage = await run.openStage(4)
    const provider = await stage.addProvider({
      name: 'busy',
      graceMs: 0,
      accessTokenSeconds: shortLivedSeconds,
      latency: { meanMs: 80 },
    })
    const drainsMs: number[] = []
    const strikes = createStrikes(stage.fleet, async (replica) => void drainsMs.push(await stage.fleet.drain(replica)))
    const times = run.scaled(200, 3)
    const { connections, ledger, reads, refreshes, presentedAgain, worked } = await churn({
      run,
      stage,
      provider,
      connections: run.scaled(600, 40),
      faults: () => strikes.run(times),
      struck: () => `${strikes.count()} of ${times} SIGTERMs`,
    })
    return [
      exactly('SIGTERMs', times, drainsMs.length),
      exactly('connections that hold the current refresh token', connections.length, ledger.intact),
      exactly('connections whose next refresh works', connections.length, worked),
      exactly('refresh tokens presented twice', 0, presentedAgain),
      none('failed reads', { ...reads.failed, ...reads.attention }),
      shown('reads, refreshes', `${reads.reads}, ${refreshes}`),
      shown('longest drain', `${Math.round(Math.max(...drainsMs))} ms`),
      shown('retried', listed(reads.retried)),
    ]
  },
}
