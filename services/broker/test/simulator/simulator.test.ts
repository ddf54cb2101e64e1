import { describe, expect, test } from '@jest/globals'
import { playSchedules } from './enumerate.js'
import { allPlaces, type Fault, type Place, plannedFaults } from './faults.js'
import { run } from './run.js'
import { type Fixed, kindNames, replayCommand, scenarioOf, tell } from './seeds.js'

const minutes = 5 * 60_000

describe('a refresh under faults', () => {
  test.each(kindNames)(
    'survives every single and every double fault at a provider of the kind %s',
    (provider) => {
      let count = 0
      for (const { plan, violations } of playSchedules(provider)) {
        count++
        if (violations.length > 0)
          throw new Error(`${violations[0]?.text}\n${replayCommand(1, { provider, plan, traffic: 'standard' })}`)
      }
      expect(count).toBeGreaterThan(5_000)
    },
    minutes,
  )

  test(
    'survives 20,000 runs by chance',
    () => {
      for (let seed = 1; seed <= 20_000; seed++)
        if (run(scenarioOf(seed)).violations.length > 0) throw new Error(tell(seed, {}))
    },
    minutes,
  )

  // What the simulator found; each broke an invariant of the protocol as it was.
  test.each([
    [2_488, 'a lease wanted for judging refreshed a token that somebody had judged good by then'],
    [1_570, 'an adopted answer of a grant that a later call had ended was taken for proven, its loss for a revocation'],
    [48_256, 'an adopted answer was filed again under a younger fence'],
    [94_163, 'a flight that lost its lease answered with what it had stored before'],
    [822_819, 'a call in doubt came in after a second rotation and ended the grant within its grace'],
  ] as const)('seed %i stays mended: %s', (seed) => {
    expect(run(scenarioOf(seed)).violations).toEqual([])
  })
})

describe('the simulator', () => {
  test('plays the same run for the same seed', () => {
    const traced = (seed: number): string[] => {
      const lines: string[] = []
      run({ ...scenarioOf(seed), note: (line) => void lines.push(line) })
      return lines
    }
    expect(traced(42)).toEqual(traced(42))
    expect(traced(42)).not.toEqual(traced(43))
  })

  test('strikes every boundary with every fault it knows', () => {
    const struck = new Set<string>()
    for (let seed = 1; seed <= 20_000; seed++) {
      const scenario = scenarioOf(seed)
      const faults = (random: Parameters<typeof scenario.faults>[0]) => {
        const drawn = scenario.faults(random)
        return {
          at(place: Place): Fault | undefined {
            const fault = drawn.at(place)
            if (fault !== undefined) struck.add(`${place.name}:${fault}`)
            return fault
          },
        }
      }
      run({ ...scenario, faults })
    }
    const known = allPlaces.flatMap((place) => place.faults.map((fault) => `${place.name}:${fault}`))
    expect(known.filter((each) => !struck.has(each))).toEqual([])
  })

  test('a run without faults calls the provider once for each need', () => {
    const faults = plannedFaults([])
    const { violations, journal } = run({
      ...scenarioOf(1, { provider: 'strict', traffic: 'standard' }),
      faults: () => faults,
    })
    expect(violations).toEqual([])
    // A herd at an expired token, a forced refresh asked for twice, another expiry, and the last refresh of every run.
    expect(journal.presentations.map(({ refreshToken, verdict }) => [refreshToken, verdict])).toEqual([
      ['r1', 'accepted'],
      ['r2', 'accepted'],
      ['r3', 'accepted'],
      ['r4', 'accepted'],
    ])
    expect(journal.calls.filter(({ answer }) => answer?.kind !== 'served')).toEqual([])
  })

  test('tells how to play a run again', () => {
    const fixed: Fixed = { provider: 'strict', plan: [{ place: 'capture.before', occurrence: 1, fault: 'crash' }] }
    const story = tell(7, fixed)
    expect(story).toContain('replica-')
    expect(story).toContain("npm run simulate -- --seed 7 --provider strict --plan 'capture.before#1:crash' --trace")
  })
})
