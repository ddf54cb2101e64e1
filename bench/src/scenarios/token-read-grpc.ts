import { compare } from '../compare.js'
import { accessTokenBytes, addConnections, addProvider } from '../connections.js'
import { productGrpcReads, productReads } from '../contenders.js'
import { allGood, atLeast, cpuRatio } from '../findings.js'
import { startPair } from '../pair.js'
import type { Scenario } from '../scenario.js'
import { rateOf, ratio } from '../side.js'

export const tokenReadGrpc: Scenario = {
  id: 'P2',
  title: 'gRPC GetToken, against GET /v1/token/{id} of the same gateway',
  goal: 'throughput >= 0.50 x HTTP, with 64 calls in flight over 8 connections',
  async run(run) {
    const pair = await startPair(run)
    const ids = await addConnections(pair, await addProvider(pair), run.rows)
    const grpc = productGrpcReads(pair, ids, accessTokenBytes)
    const sides = await compare(run, [productReads(pair, ids, 'Dromos HTTP'), grpc])
    const [http, product] = sides
    if (http === undefined || product === undefined) throw new Error('nothing was measured')
    return {
      sides,
      findings: [
        atLeast('throughput / HTTP', 0.5, ratio(product, http, rateOf)),
        allGood(sides),
        cpuRatio(http, product),
      ],
    }
  },
}
