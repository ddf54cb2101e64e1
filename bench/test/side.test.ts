import { describe, expect, test } from '@jest/globals'
import type { Window } from '../src/load/stopwatch.js'
import { rateOf, ratio, summarise } from '../src/side.js'

const window = (good: number, p99Ms = 10): Window => ({ seconds: 1, good, failures: {}, p50Ms: 5, p99Ms, maxMs: 20 })
const side = (name: string, windows: Window[]) => summarise(name, [], windows.map((each) => ({ window: each, usage: [] }))) // prettier-ignore

describe('what is made of the windows of a side', () => {
  test('a ratio compares neighbours, so a machine that slows down for both does not change it', () => {
    const floor = side('floor', [window(1_000), window(10), window(100)])
    const product = side('product', [window(600), window(6), window(50)])
    // The ratio of the medians would be 50 / 100.
    expect(ratio(product, floor, rateOf)).toBe(0.6)
  })

  test('one bad window does not decide: medians do', () => {
    const { perSecond, p99Ms } = side('product', [window(100, 10), window(100, 12), window(1, 5_000)])
    expect([perSecond, p99Ms]).toEqual([100, 12])
  })

  test('CPU time is counted per good answer', () => {
    const usage = [{ before: { cpuMs: 100, rssMb: 50 }, after: { cpuMs: 200, rssMb: 60 } }]
    const { processes } = summarise('product', [{ name: 'broker', pid: 1 }], [{ window: window(1_000), usage }])
    expect(processes).toEqual([{ name: 'broker', cpuMicrosPerRequest: 100, rssMb: 60 }])
  })

  test('failures of all windows are added up, and a side without any good answer is an error', () => {
    const refused = (good: number): Window => ({ ...window(good), failures: { '503': 2 } })
    expect(side('product', [refused(1), refused(1)]).failures).toEqual({ '503': 4 })
    expect(() => side('product', [refused(0)])).toThrow('product gave no good answer')
  })
})
