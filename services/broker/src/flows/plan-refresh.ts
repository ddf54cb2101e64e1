import { randomInt } from 'node:crypto'
import type { OAuthProvider } from '../domain/provider.js'
import { nextRefreshAtMs, type ScheduleFacts } from '../domain/refresh-schedule.js'
import type { ScheduledConnection } from './ports/refresh.js'

type RowFacts = Pick<ScheduledConnection, 'schedule' | 'expiresAtMs' | 'refreshedAtMs' | 'lastUsedAtMs'>

/** What decides when a connection is due; its own policy goes before the provider's. */
export const scheduleFacts = (
  provider: Pick<OAuthProvider, 'refreshSchedule' | 'refreshPolicy'>,
  row: RowFacts,
): ScheduleFacts => ({
  schedule: row.schedule ?? provider.refreshSchedule,
  refreshPolicy: provider.refreshPolicy,
  expiresAtMs: row.expiresAtMs,
  refreshedAtMs: row.refreshedAtMs,
  lastUsedAtMs: row.lastUsedAtMs,
})

/** When the next refresh is due, with jitter; undefined = never. */
export function planRefresh(facts: ScheduleFacts, now: Date): Date | undefined {
  const atMs = nextRefreshAtMs(facts, now.getTime(), jitter())
  return atMs === undefined ? undefined : new Date(atMs)
}

/** From 0 to 1. */
export const jitter = (): number => randomInt(0, 1001) / 1000
