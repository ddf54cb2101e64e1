import { expect, test } from '@jest/globals'
import { type Defect, defects } from './defects.js'
import { run } from './run.js'
import { scenarioOf } from './seeds.js'

const seeds = 30_000

/** The first seed at which the defect breaks its invariant. */
function firstCatch({ breaks, protocol, hunt }: Defect): number | undefined {
  for (let seed = 1; seed <= seeds; seed++) {
    const { violations } = run(scenarioOf(seed, { ...hunt, protocol }))
    if (violations.some(({ invariant }) => invariant === breaks)) return seed
  }
  return undefined
}

test.each(defects.map((defect) => ({ ...defect, defect })))(
  'without $title the simulator catches $breaks',
  ({ defect }) => {
    expect(firstCatch(defect)).toBeDefined()
  },
  5 * 60_000,
)

test.each(defects.filter(({ hunt }) => hunt !== undefined))(
  'the faults that bring a lack of $title to light harm nothing while it is there',
  ({ hunt }) => {
    for (let seed = 1; seed <= 2_000; seed++) expect(run(scenarioOf(seed, hunt)).violations).toEqual([])
  },
)
