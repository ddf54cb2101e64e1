import { drawWeather, randomFaults } from './faults.js'
import { type Protocol, protocol } from './protocol.js'
import { type KindName, providerKinds } from './provider-model.js'
import { createRandom } from './random.js'
import type { Scenario } from './run.js'

export const kindNames = Object.keys(providerKinds) as KindName[]

/** What a seed plays: the provider, the number of replicas, how often something goes wrong. Any part can be fixed. */
export function scenarioOf(seed: number, fixed: { provider?: KindName; protocol?: Protocol } = {}): Scenario {
  const random = createRandom(~seed)
  const drawn = random.pick(kindNames)
  const weather = drawWeather(random)
  return {
    seed,
    provider: fixed.provider ?? drawn,
    replicas: random.between(2, 5),
    traffic: 'random',
    protocol: fixed.protocol ?? protocol,
    faults: (own) => randomFaults(own, weather),
  }
}
