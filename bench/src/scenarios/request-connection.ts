import { compare } from '../compare.js'
import { addProvider } from '../connections.js'
import { floorInserts, otherConsents, productConsents } from '../contenders.js'
import { allGood, atLeast, cpuRatio, shownBeside } from '../findings.js'
import { startInsertFloor } from '../floors.js'
import { startPair } from '../pair.js'
import type { Scenario } from '../scenario.js'
import { rateOf, ratio } from '../side.js'

export const requestConnection: Scenario = {
  id: 'P3',
  title: 'POST /v1/request-connection through both services, against F2',
  goal: 'throughput >= 0.50 x F2, with 64 agents',
  async run(run) {
    const pair = await startPair(run)
    const providerId = await addProvider(pair)
    const floor = await startInsertFloor(run, pair, providerId)
    const others = run.against?.provider === undefined ? [] : [otherConsents(run.against, run.against.provider)]
    const contenders = [floorInserts(floor, providerId), productConsents(pair, providerId), ...others]
    const sides = await compare(run, contenders)
    const [f2, product, ...rest] = sides
    if (f2 === undefined || product === undefined) throw new Error('nothing was measured')
    return {
      sides,
      findings: [
        atLeast('throughput / F2', 0.5, ratio(product, f2, rateOf)),
        allGood(sides),
        cpuRatio(f2, product),
        ...rest.map((other) => shownBeside(other, f2)),
      ],
    }
  },
}
