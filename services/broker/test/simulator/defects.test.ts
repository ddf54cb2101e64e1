import { expect, test } from '@jest/globals'
import { defects, firstCatch } from './defects.js'
import { run } from './run.js'
import { scenarioOf } from './seeds.js'

test.each(defects.map((defect) => ({ ...defect, defect })))(
  'without $title the simulator catches $breaks',
  ({ defect }) => {
    expect(firstCatch(defect, 30_000)).toBeDefined()
  },
  5 * 60_000,
)

test.each(defects.filter(({ hunt }) => hunt !== undefined))(
  'the faults that bring a lack of $title to light harm nothing while it is there',
  ({ hunt }) => {
    for (let seed = 1; seed <= 2_000; seed++) expect(run(scenarioOf(seed, hunt)).violations).toEqual([])
  },
)
