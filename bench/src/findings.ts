import type { Finding } from '@dromos/prove'
import { ratio, rateOf, type Side } from './side.js'

// Owns how a number and its goal are worded and judged.

export const atLeast = (what: string, limit: number, measured: number): Finding => ({
  what,
  goal: `>= ${limit.toFixed(2)}`,
  measured: measured.toFixed(2),
  isMet: measured >= limit,
})

export const atMost = (what: string, limit: number, measured: number): Finding => ({
  what,
  goal: `<= ${limit.toFixed(2)}`,
  measured: measured.toFixed(2),
  isMet: measured <= limit,
})

export const below = (what: string, limit: number, unit: string, measured: number): Finding => ({
  what,
  goal: `< ${limit} ${unit}`,
  measured: `${Math.round(measured * 10) / 10} ${unit}`,
  isMet: measured < limit,
})

/** A server that refuses is fast: every answer has to be a good one. */
export function allGood(sides: readonly Side[]): Finding {
  const failures = sides.flatMap((side) => Object.entries(side.failures).map(([why, times]) => `${side.name} ${why}: ${times}`)) // prettier-ignore
  return {
    what: 'answers that were not good',
    goal: '0',
    measured: failures.join(', ') || '0',
    isMet: failures.length === 0,
  }
}

/** What a request costs in CPU time, all processes together: steadier than wall-clock rates on a machine that is shared. */
export function cpuRatio(floor: Side, side: Side): Finding {
  const measured = `${(costOf(floor) / costOf(side)).toFixed(2)} (${costOf(floor)} against ${costOf(side)} µs)`
  return shown(`CPU per request, ${floor.name} / ${side.name}`, measured)
}

const costOf = ({ processes }: Side): number =>
  Math.round(processes.reduce((sum, { cpuMicrosPerRequest = NaN }) => sum + cpuMicrosPerRequest, 0))

/** How a side stands beside another one, where nothing is promised. */
export const shownBeside = (other: Side, floor: Side): Finding =>
  shown(`${other.name}: throughput / ${floor.name}`, ratio(other, floor, rateOf).toFixed(2))

export const shown = (what: string, measured: string): Finding => ({ what, goal: '', measured, isMet: undefined })
