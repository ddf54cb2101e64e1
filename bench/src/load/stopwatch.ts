// Owns the count and the times of one window of load.

/** Requests that ended within one window. Times are of good answers. */
export type Window = {
  seconds: number
  good: number
  /** By status or error code. */
  failures: Record<string, number>
  p50Ms: number
  p99Ms: number
  maxMs: number
}

export type Stopwatch = {
  isOver(): boolean
  /** Milliseconds from now until even the most patient has left. */
  remainingMs(): number
  /** `failure` is undefined for a good answer. */
  add(tookMs: number, failure: string | undefined): void
  stop(): Window
}

/** On a machine that is busy elsewhere a window goes on until its first answer, so that it measures something. */
const patienceMs = 10_000

/** Starts now. Answers that come after the end of the window are not counted, whatever they are. */
export function startStopwatch(milliseconds: number): Stopwatch {
  const startedAtMs = performance.now()
  let endsAtMs = startedAtMs + milliseconds
  const givesUpAtMs = endsAtMs + patienceMs
  const times: number[] = []
  const failures: Record<string, number> = {}
  let hasAnswer = false
  let isStopped = false
  const isOver = (): boolean => isStopped || performance.now() >= (hasAnswer ? endsAtMs : givesUpAtMs)
  return {
    isOver,
    remainingMs: () => Math.max(givesUpAtMs - performance.now(), 0),
    add(tookMs, failure) {
      if (isOver()) return
      if (!hasAnswer) endsAtMs = Math.max(endsAtMs, performance.now())
      hasAnswer = true
      if (failure === undefined) times.push(tookMs)
      else failures[failure] = (failures[failure] ?? 0) + 1
    },
    stop() {
      isStopped = true
      const sorted = Float64Array.from(times).sort()
      const seconds = (Math.min(performance.now(), endsAtMs) - startedAtMs) / 1000
      return {
        seconds,
        good: sorted.length,
        failures,
        p50Ms: quantile(sorted, 0.5),
        p99Ms: quantile(sorted, 0.99),
        maxMs: quantile(sorted, 1),
      }
    },
  }
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
}
