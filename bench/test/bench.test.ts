import { openRunDirectory, type RunDirectory } from '@dromos/prove'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { markdownOf, runScenario, type Scenario, scenarios } from '../src/index.js'

// Every scenario of docs/performance.md for a moment: that it measures something, not what. Times are not judged here.

let directory: RunDirectory
beforeAll(async () => {
  directory = await openRunDirectory('bench-test', 'throwaway')
}, 60_000)
afterAll(() => directory.close('nothing'), 60_000)

const run = (scenario: Scenario) =>
  runScenario(scenario, {
    seconds: 0.3,
    rounds: 1,
    rows: 40,
    scale: 0.003,
    against: undefined,
    profile: undefined,
    shell: process.env,
    server: directory.server,
    logDirectory: directory.logDirectory,
    show: () => {},
  })

describe('npm run bench, for a moment', () => {
  test.each(scenarios.filter(({ isExtra }) => !isExtra).map((scenario) => [scenario.id, scenario] as const))(
    '%s measures every number it judges, and every answer is good',
    async (_, scenario) => {
      const { error, sides, findings } = await run(scenario)
      expect(error).toBeUndefined()
      expect(findings.filter(({ measured }) => /NaN|Infinity|undefined/.test(measured))).toEqual([])
      expect(findings.length).toBeGreaterThan(0)
      expect(sides.filter(({ perSecond, failures }) => !(perSecond > 0) || Object.keys(failures).length > 0)).toEqual(
        [],
      )
    },
    120_000,
  )

  test('a scenario that falls short of one goal is missed, and so is one that does not come to its end', async () => {
    const finding = { what: 'a number', goal: '>= 1.00', measured: '0.99', isMet: false }
    const base = { id: 'X', title: 'a test', goal: 'none' }
    const short = await run({
      ...base,
      run: async () => ({ sides: [], findings: [{ ...finding, isMet: true }, finding] }),
    })
    const broken = await run({ ...base, run: () => Promise.reject(new Error('nothing was measured')) })
    expect([short.verdict, broken.verdict]).toEqual(['missed', 'missed'])
    expect(broken.error).toMatch('nothing was measured')
    const page = markdownOf([short, broken], 'this machine')
    expect(page).toContain('| X | a test | a number | >= 1.00 | 0.99 | met |')
    expect(page).toContain('|  |  | a number | >= 1.00 | 0.99 | missed |')
    expect(page).toContain('| X | a test | did not come to its end |  |  | missed |')
  })
})
