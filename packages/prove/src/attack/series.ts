// Owns the arithmetic of growth: what a process used over time, and whether that has an end.

export type Sample = {
  atMs: number
  residentMb: number
  heapMb: number
  openFiles: number
  handles: number
  /** Of its metrics page. */ lines: number
}

export type Growth = {
  minutes: number
  firstMb: number
  lastMb: number
  /** Medians of the first and the last fifth, so that one collection of garbage decides nothing. */
  growthMb: number
  /** Lowest heap in use in the first and the last fifth: about what is alive. A leak raises it; lazy collection does not. */
  firstHeapFloorMb: number
  lastHeapFloorMb: number
  /** Least squares over all samples. */
  slopeMbPerHour: number
  mostOpenFiles: number
  lastOpenFiles: number
  mostHandles: number
  lastHandles: number
  lastMetricLines: number
}

export type Series = {
  add(sample: Sample): void
  /** Over the samples from this time on; undefined when there are fewer than five. */
  growth(fromMs: number): Growth | undefined
}

export function createSeries(): Series {
  const samples: Sample[] = []
  return {
    add: (sample) => void samples.push(sample),
    growth(fromMs) {
      const counted = samples.filter(({ atMs }) => atMs >= fromMs)
      const [first, last] = [counted[0], counted.at(-1)]
      if (counted.length < 5 || first === undefined || last === undefined) return undefined
      const fifth = Math.ceil(counted.length / 5)
      const firstMb = median(counted.slice(0, fifth).map(({ residentMb }) => residentMb))
      const lastMb = median(counted.slice(-fifth).map(({ residentMb }) => residentMb))
      const heapFloor = (some: readonly Sample[]): number => tenth(Math.min(...some.map(({ heapMb }) => heapMb)))
      return {
        minutes: tenth((last.atMs - first.atMs) / 60_000),
        firstMb: tenth(firstMb),
        lastMb: tenth(lastMb),
        growthMb: tenth(lastMb - firstMb),
        firstHeapFloorMb: heapFloor(counted.slice(0, fifth)),
        lastHeapFloorMb: heapFloor(counted.slice(-fifth)),
        slopeMbPerHour: tenth(slope(counted) * 3_600_000),
        mostOpenFiles: Math.max(...counted.map(({ openFiles }) => openFiles)),
        lastOpenFiles: last.openFiles,
        mostHandles: Math.max(...counted.map(({ handles }) => handles)),
        lastHandles: last.handles,
        lastMetricLines: last.lines,
      }
    },
  }
}

const tenth = (value: number): number => Math.round(value * 10) / 10

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** MB per millisecond. */
function slope(samples: readonly Sample[]): number {
  const mean = (pick: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + pick(sample), 0) / samples.length
  const [meanAt, meanMb] = [mean(({ atMs }) => atMs), mean(({ residentMb }) => residentMb)]
  const covariance = mean(({ atMs, residentMb }) => (atMs - meanAt) * (residentMb - meanMb))
  const variance = mean(({ atMs }) => (atMs - meanAt) ** 2)
  return variance === 0 ? 0 : covariance / variance
}
