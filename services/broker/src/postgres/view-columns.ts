import type { ConnectionReason, ConnectionStatus, ConnectionView } from '../domain/connection.js'
import type { CapturedCredentials } from '../flows/ports/refresh.js'

export type ViewColumns = { status: ConnectionStatus; reason: ConnectionReason | null; is_consent_expired: boolean }

/** SQL of `ViewColumns` over a `connections` row named `c`. */
export const viewColumns = `c.status, c.reason,
  c.status = 'pending' and coalesce(c.consent_expires_at <= now(), false) as is_consent_expired`

export const toView = (row: ViewColumns): ConnectionView => ({
  status: row.status,
  reason: row.reason ?? undefined,
  isConsentExpired: row.is_consent_expired,
})

export const toDate = (ms: number | undefined): Date | undefined => (ms === undefined ? undefined : new Date(ms))

/** `next_refresh_at`: PostgreSQL's infinity = never, null = not decided yet. */
export const toNextRefresh = ({ nextRefresh }: CapturedCredentials): Date | 'infinity' | undefined =>
  nextRefresh?.at === 'never' ? 'infinity' : nextRefresh?.at
