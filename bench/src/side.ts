import type { Usage, Watched } from './processes.js'
import type { Window } from './load/stopwatch.js'

// Owns what is made of the windows of one side: medians, costs, and its ratio to another side. Pure.

export type Side = {
  name: string
  /** Medians over the windows. */
  perSecond: number
  p50Ms: number
  p99Ms: number
  /** Answers other than the good one, all windows together. */
  failures: Record<string, number>
  processes: readonly { name: string; cpuMicrosPerRequest: number | undefined; rssMb: number | undefined }[]
  windows: readonly Window[]
}

export type Sample = { window: Window; usage: readonly { before: Usage | undefined; after: Usage | undefined }[] }

export function summarise(name: string, processes: readonly Watched[], samples: readonly Sample[]): Side {
  const windows = samples.map(({ window }) => window)
  const failures: Record<string, number> = {}
  for (const window of windows)
    for (const [why, times] of Object.entries(window.failures)) failures[why] = (failures[why] ?? 0) + times
  if (windows.every(({ good }) => good === 0))
    throw new Error(`${name} gave no good answer: ${JSON.stringify(failures)}`)
  return {
    name,
    perSecond: median(windows.map(rateOf)),
    p50Ms: median(windows.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(windows.map(({ p99Ms }) => p99Ms)),
    failures,
    processes: processes.map((each, place) => ({ name: each.name, ...costOf(samples, place) })),
    windows,
  }
}

function costOf(samples: readonly Sample[], place: number) {
  const costs = samples.flatMap(({ window, usage }) => {
    const { before, after } = usage[place] ?? {}
    return before === undefined || after === undefined || window.good === 0
      ? []
      : [((after.cpuMs - before.cpuMs) * 1000) / window.good]
  })
  const sizes = samples.flatMap(({ usage }) => usage[place]?.after?.rssMb ?? [])
  return {
    cpuMicrosPerRequest: costs.length === 0 ? undefined : median(costs),
    rssMb: sizes.length === 0 ? undefined : Math.max(...sizes),
  }
}

export const rateOf = ({ good, seconds }: Window): number => good / seconds

/** The median of what each window was of the window right before it, on the other side. */
export function ratio(side: Side, floor: Side, of: (window: Window) => number): number {
  return median(side.windows.map((window, round) => of(window) / of(floor.windows[round] ?? window)))
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}
