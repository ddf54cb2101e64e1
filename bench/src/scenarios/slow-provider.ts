import { compare } from '../compare.js'
import { addConnections, addProvider } from '../connections.js'
import { productReads } from '../contenders.js'
import { allGood, atMost } from '../findings.js'
import { startLab } from '../lab.js'
import { startPair } from '../pair.js'
import type { Scenario } from '../scenario.js'
import { ratio } from '../side.js'

const slowMs = 8_000
/** Each is read once: whoever waits for one of them waits for the provider. */
const slowConnections = 2_000
const slowAgents = 32
/** Few enough to leave the machine some air: a full queue of our own would hide the other provider's. */
const healthyAgents = 16

export const slowProvider: Scenario = {
  id: 'P8',
  title: 'one slow provider',
  goal: 'while 32 agents wait for tokens of a provider that takes 8 s, reads of another: p99 <= 1.25 x what it is alone',
  async run(run) {
    const pair = await startPair(run)
    const lab = await startLab(run, pair, { latency: { meanMs: slowMs } })
    const slow = await lab.addConnections(slowConnections, -60_000)
    const ids = await addConnections(pair, await addProvider(pair), run.rows)
    const reads = productReads(pair, ids)
    const alone = { ...reads, name: 'alone', plan: { ...reads.plan, connections: healthyAgents } }
    const waiting = productReads(pair, slow, 'waiting').plan
    const beside = {
      ...alone,
      name: 'beside it',
      beside: { ...waiting, connections: slowAgents, leavesAfterMs: run.seconds * 1000 },
    }
    const sides = await compare(run, [alone, beside])
    const [before, during] = sides
    if (before === undefined || during === undefined) throw new Error('nothing was measured')
    return {
      sides,
      findings: [
        atMost(
          'p99 / p99 alone',
          1.25,
          ratio(during, before, ({ p99Ms }) => p99Ms),
        ),
        allGood(sides),
      ],
    }
  },
}
