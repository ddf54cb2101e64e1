export type TokenBucket = {
  /** Takes one; false when the bucket is empty. */
  take(): boolean
}

/** Allows `burst` at once and one more every `refillMs`. */
export function createTokenBucket(options: { burst: number; refillMs: number; now(): Date }): TokenBucket {
  let level = options.burst
  let countedAtMs = options.now().getTime()
  return {
    take() {
      const nowMs = options.now().getTime()
      level = Math.min(level + Math.max(nowMs - countedAtMs, 0) / options.refillMs, options.burst)
      countedAtMs = nowMs
      if (level < 1) return false
      level -= 1
      return true
    },
  }
}
