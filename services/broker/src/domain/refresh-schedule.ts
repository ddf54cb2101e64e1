import type { RefreshPolicy, SchedulePolicy } from './provider.js'

// Owns when a connection is refreshed without being asked, as pure functions. Does not own who does it: that is
// flows/schedule-refresh.ts.

/** What decides. Times are milliseconds since the epoch. */
export type ScheduleFacts = {
  schedule: SchedulePolicy
  refreshPolicy: Pick<RefreshPolicy, 'mode' | 'killsAccessToken' | 'idleLimitSeconds'>
  /** undefined = the provider promises no lifetime. */
  expiresAtMs: number | undefined
  /** When the present access token was issued. */
  refreshedAtMs: number
  lastUsedAtMs: number | undefined
}

/** A connection that was read within this time counts as in use. */
export const inUseMs = 24 * 3_600_000

const minuteMs = 60_000
const quarterMs = 15 * minuteMs
const jitterShare = 0.1
const keepAliveShare = 0.8

/**
 * Milliseconds before its end at which a token of this lifetime is refreshed: a fifth of it, from one to fifteen minutes, and
 * never more than half. 0 where a refresh ends the former access token: agents that hold it must keep it to its end.
 */
export function refreshMarginMs(lifetimeMs: number, killsAccessToken: boolean): number {
  if (killsAccessToken) return 0
  return Math.min(Math.max(lifetimeMs * 0.2, minuteMs), quarterMs, lifetimeMs / 2)
}

/**
 * When the next refresh is due, milliseconds since the epoch; undefined = never. `jitter` from 0 to 1 moves it up to a tenth
 * of the time forward, so that grants made together do not come due together.
 */
export function nextRefreshAtMs(facts: ScheduleFacts, nowMs: number, jitter: number): number | undefined {
  if (facts.schedule === 'on_demand' || facts.refreshPolicy.mode === 'none') return undefined
  const isInUse = facts.lastUsedAtMs !== undefined && nowMs - facts.lastUsedAtMs < inUseMs
  const before = facts.schedule === 'proactive' && isInUse ? beforeExpiry(facts, jitter) : undefined
  return earliest(before, beforeIdleLimit(facts, jitter))
}

/** True when a row that was claimed as due is due by what is known now. */
export function isDue(facts: ScheduleFacts, nowMs: number): boolean {
  const earliestMs = nextRefreshAtMs(facts, nowMs, 1)
  return earliestMs !== undefined && earliestMs <= nowMs
}

function beforeExpiry(facts: ScheduleFacts, jitter: number): number | undefined {
  const { expiresAtMs, refreshedAtMs, refreshPolicy } = facts
  if (expiresAtMs === undefined) return undefined
  const lifetimeMs = Math.max(expiresAtMs - refreshedAtMs, 0)
  if (refreshPolicy.killsAccessToken) return expiresAtMs
  return Math.floor(expiresAtMs - refreshMarginMs(lifetimeMs, false) - lifetimeMs * jitterShare * jitter)
}

function beforeIdleLimit({ refreshPolicy, refreshedAtMs }: ScheduleFacts, jitter: number): number | undefined {
  if (refreshPolicy.idleLimitSeconds === undefined || refreshPolicy.idleLimitSeconds === 0) return undefined
  const limitMs = refreshPolicy.idleLimitSeconds * 1000
  return Math.floor(refreshedAtMs + limitMs * (keepAliveShare - jitterShare * jitter))
}

function earliest(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return Math.min(one, other)
}
