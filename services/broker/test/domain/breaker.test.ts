import { describe, expect, test } from '@jest/globals'
import { admit, afterCall, type Breaker, closedBreaker } from '../../src/domain/breaker.js'

const second = 1_000
const start = Date.UTC(2026, 0, 1)
const call = { isProbe: false, failed: false }
const failure = { isProbe: false, failed: true }

/** `outcomes` one after the other, `everyMs` apart. */
const after = (
  outcomes: readonly { isProbe: boolean; failed: boolean }[],
  everyMs = 100,
  from = closedBreaker,
): Breaker => outcomes.reduce((breaker, outcome, index) => afterCall(breaker, start + index * everyMs, outcome), from)
const times = <Item>(count: number, item: Item): Item[] => Array.from({ length: count }, () => item)
const opened = after(times(20, failure), 0)

describe('a closed breaker', () => {
  test('opens at the twentieth failure in a row, not at the nineteenth', () => {
    expect(after(times(19, failure)).open).toBeUndefined()
    expect(after(times(20, failure)).open).toBeDefined()
  })

  test('opens at half, not below', () => {
    const mixed = (failures: number) => after([...times(30 - failures, call), ...times(failures, failure)])
    expect(mixed(14).open).toBeUndefined()
    expect(mixed(15).open).toBeDefined()
  })

  test('forgets what is older than thirty seconds', () => {
    expect(after(times(100, failure), 2 * second).open).toBeUndefined()
  })

  test('keeps no more than the window, however many calls there are', () => {
    expect(after(times(50_000, call), 10).slots.length).toBeLessThanOrEqual(11)
  })

  test('admits everything', () => {
    expect(admit(after(times(19, failure)), start)).toEqual({ kind: 'call' })
  })
})

describe('an open breaker', () => {
  test('refuses, and says for how long', () => {
    expect(admit(opened, start + 4 * second)).toEqual({ kind: 'refused', retryAfterMs: 6 * second })
  })

  test('lets one probe through every ten seconds', () => {
    const probe = admit(opened, start + 10 * second)
    if (probe.kind !== 'probe') throw new Error(probe.kind)
    expect(admit(probe.breaker, start + 10 * second)).toEqual({ kind: 'refused', retryAfterMs: 10 * second })
    expect(admit(probe.breaker, start + 20 * second)).toMatchObject({ kind: 'probe' })
  })

  test('closes with a good probe and starts to count anew', () => {
    const closed = afterCall(opened, start + 10 * second, { isProbe: true, failed: false })
    expect(closed).toEqual(closedBreaker)
  })

  test('stays open with a bad probe, and after calls that were under way when it opened', () => {
    expect(afterCall(opened, start + second, { isProbe: true, failed: true })).toBe(opened)
    expect(afterCall(opened, start + second, call)).toBe(opened)
  })
})
