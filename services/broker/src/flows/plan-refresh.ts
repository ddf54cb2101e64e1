import { randomInt } from 'node:crypto'
import type { Credentials } from '../domain/credentials.js'
import type { OAuthProvider, Provider } from '../domain/provider.js'
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

/** When what was granted this moment is refreshed next, by what is known of its connection; never without a refresh token. */
export function planGranted(
  provider: Provider,
  granted: Credentials,
  row: Pick<RowFacts, 'schedule' | 'lastUsedAtMs'>,
  now: Date,
): Date | 'never' {
  if (provider.kind !== 'oauth2' || granted.type !== 'oauth2' || granted.refreshToken === undefined) return 'never'
  const { schedule, lastUsedAtMs } = row
  const facts = { schedule, lastUsedAtMs, expiresAtMs: granted.expiresAtMs, refreshedAtMs: now.getTime() }
  return planRefresh(scheduleFacts(provider, facts), now) ?? 'never'
}

/** From 0 to 1. */
export const jitter = (): number => randomInt(0, 1001) / 1000
