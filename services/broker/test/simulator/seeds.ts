import { drawWeather, formatPlan, type PlannedFault, plannedFaults, randomFaults } from './faults.js'
import { type Protocol, protocol } from './protocol.js'
import { type KindName, providerKinds } from './provider-model.js'
import { createRandom } from './random.js'
import { run, type Scenario } from './run.js'

export const kindNames = Object.keys(providerKinds) as KindName[]

/** What of a run does not follow from its seed. */
export type Fixed = {
  provider?: KindName | undefined
  /** These faults and no others. */
  plan?: readonly PlannedFault[] | undefined
  traffic?: Scenario['traffic'] | undefined
  protocol?: Protocol | undefined
}

/** What a seed plays: the provider, the number of replicas, the weather. Any part can be fixed. */
export function scenarioOf(seed: number, fixed: Fixed = {}): Scenario {
  const random = createRandom(~seed)
  const drawn = random.pick(kindNames)
  const replicas = random.between(2, 5)
  const weather = drawWeather(random)
  const { plan, traffic = 'random' } = fixed
  return {
    seed,
    provider: fixed.provider ?? drawn,
    replicas: traffic === 'standard' ? 3 : replicas,
    traffic,
    protocol: fixed.protocol ?? protocol,
    faults: (own) => (plan === undefined ? randomFaults(own, weather) : plannedFaults(plan)),
  }
}

const traceLines = 60

/** Plays a run again, listening: the end of its story, what it broke, and how to see all of it. */
export function tell(seed: number, fixed: Fixed, flags: readonly string[] = []): string {
  const lines: string[] = []
  const scenario = scenarioOf(seed, fixed)
  const { violations } = run({ ...scenario, note: (line) => void lines.push(line) })
  const { provider, replicas } = scenario
  const plan = fixed.plan === undefined ? 'by chance' : formatPlan(fixed.plan)
  return [
    `seed ${seed}, provider ${provider}, ${replicas} replicas, faults: ${plan}`,
    ...lines.slice(-traceLines),
    ...violations.map(({ invariant, text }) => `${invariant} broken: ${text}`),
    `again: ${replayCommand(seed, fixed, flags)}`,
  ].join('\n')
}

export function replayCommand(seed: number, fixed: Fixed, flags: readonly string[] = []): string {
  const words = [
    ...(fixed.provider === undefined ? [] : ['--provider', fixed.provider]),
    ...(fixed.plan === undefined ? [] : ['--plan', `'${formatPlan(fixed.plan)}'`]),
    ...(fixed.traffic === 'standard' ? ['--traffic', 'standard'] : []),
    ...flags,
  ]
  return ['npm run simulate -- --seed', seed, ...words, '--trace'].join(' ')
}
