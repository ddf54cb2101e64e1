import { clientLimits, ServiceError } from '@dromos/contract'
import type { Caller } from '../domain/caller.js'
import { createTokenBucket, type TokenBucket } from '../domain/token-bucket.js'

/** Throws `rate_limited` when the caller's client asks more often than it may. */
export type ClientLimit = (caller: Pick<Caller, 'tenantId' | 'clientId'>) => void

/**
 * Counts in memory, so each replica counts its own and no request costs a statement: a read of a token writes nothing. Of a
 * client all keys count together, so that a second key is no second allowance. `requestsPerSecond` 0 = no limit.
 */
export function createClientLimit(options: { requestsPerSecond: number; now(): Date }): ClientLimit {
  const { requestsPerSecond, now } = options
  if (requestsPerSecond === 0) return () => undefined
  const buckets = new Map<string, TokenBucket>()
  return ({ tenantId, clientId }) => {
    const name = `${tenantId}/${clientId}`
    const bucket =
      buckets.get(name) ?? createTokenBucket({ burst: 2 * requestsPerSecond, refillMs: 1000 / requestsPerSecond, now })
    buckets.set(name, bucket)
    const [oldest] = buckets.size > clientLimits.clientsCounted ? buckets.keys() : []
    if (oldest !== undefined) buckets.delete(oldest)
    if (bucket.take()) return
    const message = `this client may send ${requestsPerSecond} requests a second: slow down`
    throw new ServiceError('rate_limited', message, { retryAfterSeconds: 1 })
  }
}
