import { compare } from '../compare.js'
import { addConnections, addProvider } from '../connections.js'
import { floorReads, otherReads, productReads } from '../contenders.js'
import { allGood, atLeast, atMost, cpuRatio, shownBeside } from '../findings.js'
import { startReadFloor } from '../floors.js'
import { startPair } from '../pair.js'
import type { Scenario } from '../scenario.js'
import { rateOf, ratio } from '../side.js'

export const tokenRead: Scenario = {
  id: 'P1',
  title: 'GET /v1/token/{id} through both services, against F1',
  goal: 'throughput >= 0.60 x F1, p99 <= 2.5 x F1, with 64 agents, every guard, audit, log and metric on',
  async run(run) {
    const pair = await startPair(run)
    const ids = await addConnections(pair, await addProvider(pair), run.rows)
    const floor = await startReadFloor(run, pair)
    const others = run.against === undefined ? [] : [otherReads(run.against)]
    const sides = await compare(run, [floorReads(floor, ids), productReads(pair, ids), ...others])
    const [f1, product, ...rest] = sides
    if (f1 === undefined || product === undefined) throw new Error('nothing was measured')
    return {
      sides,
      findings: [
        atLeast('throughput / F1', 0.6, ratio(product, f1, rateOf)),
        atMost(
          'p99 / F1',
          2.5,
          ratio(product, f1, ({ p99Ms }) => p99Ms),
        ),
        allGood(sides),
        cpuRatio(f1, product),
        ...rest.map((other) => shownBeside(other, f1)),
      ],
    }
  },
}
