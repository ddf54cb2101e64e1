import { mergeAnswer, type OAuthCredentials } from '../domain/credentials.js'
import type { RefreshEffect, RefreshEvent } from '../domain/refresh-protocol.js'
import type { CapturedCredentials } from './ports/refresh.js'
import { planGranted } from './plan-refresh.js'
import { fenceOf, type RefreshAttempt, refreshedEvent, reportOf, viewed } from './refresh-attempt.js'

/** Stores what the provider answered, before anything of it is judged. */
export const captureAnswer = (attempt: RefreshAttempt): Promise<RefreshEvent> => store(attempt, mergedAnswer(attempt))

async function store(attempt: RefreshAttempt, credentials: OAuthCredentials): Promise<RefreshEvent> {
  const outcome = await attempt.ports.leases.capture(attempt.key, heldOf(attempt), captured(attempt, credentials))
  if (outcome === 'stored') attempt.stored = { credentials, version: nextVersion(attempt) }
  return { type: outcome }
}

/** Stores an answer that leaves nothing to verify, and ends the attempt with it. Should the end be refused, the answer is kept. */
export async function completeRefresh(
  attempt: RefreshAttempt,
  { attempt: state, backoffMs }: RefreshEffect & { do: 'complete' },
): Promise<RefreshEvent> {
  const credentials = mergedAnswer(attempt)
  const event = refreshedEvent(attempt, nextVersion(attempt))
  const ending = { attempt: state, backoffMs }
  const answer = captured(attempt, credentials)
  try {
    const outcome = await attempt.ports.leases.complete(attempt.key, heldOf(attempt), answer, ending, event)
    if (outcome === 'fenced') return { type: 'fenced' }
  } catch {
    return captureAnswer(attempt)
  }
  attempt.stored = { credentials, version: nextVersion(attempt) }
  attempt.ports.announce(event)
  return { type: 'settled' }
}

const nextVersion = (attempt: RefreshAttempt): number => viewed(attempt).row.version + 1

const heldOf = (attempt: RefreshAttempt): { fence: number; version: number } => ({
  fence: fenceOf(attempt),
  version: viewed(attempt).row.version,
})

const captured = (attempt: RefreshAttempt, credentials: OAuthCredentials): CapturedCredentials => ({
  ...sealed(attempt, credentials, 'credentials', nextVersion(attempt)),
  nextRefresh: {
    at: planGranted(viewed(attempt).provider, credentials, viewed(attempt).row, attempt.ports.now()),
    schedule: viewed(attempt).row.schedule,
  },
})

/** What is held once the answer is stored. */
export function mergedAnswer(attempt: RefreshAttempt): OAuthCredentials {
  const { row, held, provider } = viewed(attempt)
  const { grant } = attempt
  if (grant === undefined) throw new Error('refresh attempt: nothing was answered')
  const credentials = mergeAnswer(held, grant.answer, grant.receivedAtMs, provider.answer.defaultExpiresInSeconds)
  // Without an account to compare it with, an id_token proves nothing and is not kept.
  const known = row.account === undefined ? { ...credentials, idToken: held.idToken } : credentials
  // A rotated refresh token that came without an access token is kept; the old access token keeps its own end.
  return grant.answer.accessToken === undefined ? { ...known, expiresAtMs: held.expiresAtMs } : known
}

function sealed(
  attempt: RefreshAttempt,
  credentials: OAuthCredentials,
  field: 'credentials' | 'orphan',
  version: number,
): CapturedCredentials {
  const { tenantId, connectionId } = attempt.key
  return {
    sealed: attempt.ports.vault.seal(JSON.stringify(credentials), { tenantId, recordId: connectionId, field, version }),
    expiresAtMs: credentials.expiresAtMs,
    refreshExpiresAtMs: credentials.refreshExpiresAtMs,
    grantedScope: credentials.scope,
  }
}

/** Keeps an answer whose fence had moved on: whoever holds the connection now may need it. */
export async function fileOrphan(attempt: RefreshAttempt): Promise<RefreshEvent> {
  const fence = fenceOf(attempt)
  await attempt.ports.leases.fileOrphan(attempt.key, fence, sealed(attempt, mergedAnswer(attempt), 'orphan', fence))
  await reportOf(attempt, 'token_orphaned', { fence })
  return { type: 'filed' }
}

export async function seekOrphan(attempt: RefreshAttempt): Promise<RefreshEvent> {
  const orphan = await attempt.ports.leases.findOrphan(attempt.key, fenceOf(attempt))
  if (orphan === undefined) return { type: 'no_orphan' }
  const { tenantId, connectionId } = attempt.key
  const context = { tenantId, recordId: connectionId, field: 'orphan', version: orphan.fence } as const
  const credentials = JSON.parse(attempt.ports.vault.open(orphan.sealed, context)) as OAuthCredentials
  attempt.orphan = { fence: orphan.fence, credentials }
  return { type: 'orphan_found', fence: orphan.fence }
}

export async function adoptOrphan(attempt: RefreshAttempt): Promise<RefreshEvent> {
  const { orphan } = attempt
  if (orphan === undefined) throw new Error('refresh attempt: there is no orphan')
  const event = await store(attempt, orphan.credentials)
  if (event.type === 'stored') await attempt.ports.leases.markAdopted(attempt.key, orphan.fence)
  return event
}
