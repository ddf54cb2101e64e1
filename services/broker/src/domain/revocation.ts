// Owns how often and when a revocation is tried at a provider. Does not own how it is made.

/** After this many tries the grant is given up and shredded all the same: the person asked for an end. */
export const revocationTries = 8

const firstDelayMs = 5_000
const longestDelayMs = 3_600_000

/** Milliseconds to the try after `attempt` (from 1); the provider's own wish counts when it is longer. */
export const revocationDelayMs = (attempt: number, retryAfterMs: number | undefined): number =>
  Math.min(Math.max(firstDelayMs * 4 ** (attempt - 1), retryAfterMs ?? 0), longestDelayMs)
