/** Why a provider cannot be used now: an OAuth error code by which it refuses our client, or `breaker_open`. */
export type Incident = { providerId: string; error: string; sinceMs: number }
