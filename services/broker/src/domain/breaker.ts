// Owns when calls of one client at one provider are held back, as pure functions over the calls' outcomes.
// Does not own the calls: oauth/guarded-token-endpoint.ts.

/** Times are milliseconds since the epoch. */
export type Breaker = {
  /** Outcomes of late, in slots of some seconds, oldest first. */
  readonly slots: readonly { startMs: number; calls: number; failures: number }[]
  /** While open: since when, and when a probe was let through last. */
  readonly open: { sinceMs: number; probedAtMs: number } | undefined
}

export const closedBreaker: Breaker = { slots: [], open: undefined }

export const breakerRules = {
  windowMs: 30_000,
  /** Fewer calls than this prove nothing. */
  leastCalls: 20,
  failureShare: 0.5,
  probeEveryMs: 10_000,
} as const

const slotMs = 3_000

export type Admission =
  { kind: 'call' } | { kind: 'probe'; breaker: Breaker } | { kind: 'refused'; retryAfterMs: number }

/** May a call be made now? While open, one probe in ten seconds may; the caller keeps the answered breaker. */
export function admit(breaker: Breaker, nowMs: number): Admission {
  if (breaker.open === undefined) return { kind: 'call' }
  const waitMs = breaker.open.probedAtMs + breakerRules.probeEveryMs - nowMs
  if (waitMs > 0) return { kind: 'refused', retryAfterMs: waitMs }
  return { kind: 'probe', breaker: { ...breaker, open: { ...breaker.open, probedAtMs: nowMs } } }
}

/**
 * The breaker after a call. A probe that went well closes it; one that failed leaves it open; outcomes of calls that were under
 * way when it opened change nothing. Closed, it opens when half of at least 20 calls in 30 seconds failed.
 */
export function afterCall(breaker: Breaker, nowMs: number, call: { isProbe: boolean; failed: boolean }): Breaker {
  if (breaker.open !== undefined) return call.isProbe && !call.failed ? closedBreaker : breaker
  const slots = counted(breaker.slots, nowMs, call.failed)
  const calls = sum(slots.map((slot) => slot.calls))
  const failures = sum(slots.map((slot) => slot.failures))
  const opens = calls >= breakerRules.leastCalls && failures >= calls * breakerRules.failureShare
  return opens ? { slots: [], open: { sinceMs: nowMs, probedAtMs: nowMs } } : { slots, open: undefined }
}

function counted(slots: Breaker['slots'], nowMs: number, failed: boolean): Breaker['slots'] {
  const recent = slots.filter(({ startMs }) => nowMs - startMs < breakerRules.windowMs)
  const last = recent.at(-1)
  const isCurrent = last !== undefined && nowMs - last.startMs < slotMs
  const slot = isCurrent ? last : { startMs: nowMs, calls: 0, failures: 0 }
  const grown = { ...slot, calls: slot.calls + 1, failures: slot.failures + (failed ? 1 : 0) }
  return [...(isCurrent ? recent.slice(0, -1) : recent), grown]
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)
