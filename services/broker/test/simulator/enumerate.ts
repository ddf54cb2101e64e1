import { type Fault, type Place, type PlannedFault, plannedFaults, places } from './faults.js'
import type { KindName } from './provider-model.js'
import { run } from './run.js'
import { scenarioOf } from './seeds.js'

// Owns the fault schedules that are played one by one: every fault at every boundary of the first refresh, and after each
// of them every fault at every boundary that is passed then.

export type Schedule = { seed: number; plan: readonly PlannedFault[]; violations: ReturnType<typeof run>['violations'] }

/** Without and with an identity to verify (run.ts). */
const standardSeeds = [1, 2]

/** A boundary passed more often than this by then only repeats what was tried. */
const occurrences = 2

const polls: ReadonlySet<Place> = new Set([places.read.before, places.read.done, places.view.before, places.view.done])

/** Not played as second faults: a freeze and a database crash do the same for longer, and chance plays these too. */
const lesserFaults: ReadonlySet<Fault> = new Set(['nap', 'doze', 'session_lost'])

/** Plays every single and every double fault at one provider. The clean run comes first. */
export function* playSchedules(provider: KindName): Generator<Schedule> {
  for (const seed of standardSeeds) yield* playSchedulesOf(seed, provider)
}

function* playSchedulesOf(seed: number, provider: KindName): Generator<Schedule> {
  const clean = play(seed, provider, [])
  yield clean
  for (const first of boundaries(clean.passed, 0, 1))
    for (const fault of first.place.faults) {
      const single = { place: first.place.name, occurrence: first.occurrence, fault }
      const alone = play(seed, provider, [single])
      yield alone
      for (const second of boundaries(alone.passed, first.index + 1, occurrences))
        for (const other of second.place.faults)
          if (!lesserFaults.has(other))
            yield play(seed, provider, [
              single,
              { place: second.place.name, occurrence: second.occurrence, fault: other },
            ])
    }
}

function play(
  seed: number,
  provider: KindName,
  plan: readonly PlannedFault[],
): Schedule & { passed: readonly Place[] } {
  const faults = plannedFaults(plan)
  const scenario = { ...scenarioOf(seed, { provider, traffic: 'standard' }), faults: () => faults }
  return { seed, plan, violations: run(scenario).violations, passed: faults.passed }
}

type Boundary = { place: Place; occurrence: number; index: number }

function boundaries(passed: readonly Place[], from: number, upTo: number): Boundary[] {
  const counts = new Map<Place, number>()
  const found: Boundary[] = []
  passed.forEach((place, index) => {
    const occurrence = (counts.get(place) ?? 0) + 1
    counts.set(place, occurrence)
    const isWorthIt = occurrence <= upTo && (!polls.has(place) || occurrence === 1)
    if (index >= from && isWorthIt) found.push({ place, occurrence, index })
  })
  return found
}
