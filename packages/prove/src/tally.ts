import type { ReadOutcome } from './read-token.js'

// Owns the counting of reads and their times. Does not own what is good or bad.

export type TallyReport = {
  reads: number
  tokens: number
  /** By reason. */
  attention: Record<string, number>
  failed: Record<string, number>
  /** Answers that asked for another try, and broken connections, by code. */
  retried: Record<string, number>
  p50Ms: number
  p99Ms: number
  maxMs: number
  /** The longest time in which no read at all got a token. */
  longestGapMs: number
}

export type Tally = {
  add(tookMs: number, outcome: ReadOutcome): void
  retried(this: void, why: string): void
  report(this: void): TallyReport
}

export function createTally(): Tally {
  const times: number[] = []
  const [attention, failed, retries] = [{}, {}, {}] as Record<string, number>[]
  let tokens = 0
  let longestGapMs = 0
  let lastTokenAtMs = performance.now()
  const count = (counts: Record<string, number> = {}, name: string): void => {
    counts[name] = (counts[name] ?? 0) + 1
  }
  return {
    add(tookMs, outcome) {
      times.push(tookMs)
      if (outcome.kind === 'attention') count(attention, outcome.reason)
      if (outcome.kind === 'failed') count(failed, outcome.why)
      if (outcome.kind !== 'token') return
      tokens++
      const nowMs = performance.now()
      longestGapMs = Math.max(longestGapMs, nowMs - lastTokenAtMs)
      lastTokenAtMs = nowMs
    },
    retried: (why) => count(retries, why),
    report() {
      const sorted = Float64Array.from(times).sort()
      return {
        reads: times.length,
        tokens,
        attention: { ...attention },
        failed: { ...failed },
        retried: { ...retries },
        p50Ms: quantile(sorted, 0.5),
        p99Ms: quantile(sorted, 0.99),
        maxMs: quantile(sorted, 1),
        longestGapMs: Math.round(longestGapMs),
      }
    },
  }
}

function quantile(sorted: Float64Array, share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  return Math.round(value * 10) / 10
}

export const sumOf = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((sum, each) => sum + each, 0)
