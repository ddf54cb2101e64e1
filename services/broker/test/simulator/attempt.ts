import type { OAuthCredentials } from '../../src/domain/credentials.js'
import type { Demand, Lease } from '../../src/domain/refresh-protocol.js'
import type { TokenAnswer } from '../../src/domain/token-answer.js'
import type { Replica } from './cluster.js'
import type { AttemptRecord } from './journal.js'
import type { View } from './row-model.js'

export type Grant = { credentials: OAuthCredentials; version: number }

/** What src/flows/refresh-attempt.ts remembers between effects; it outlives a lease, as it does there. */
export type Attempt = {
  readonly replica: Replica
  readonly demand: Demand
  row: View | undefined
  askedAtMs: number
  lease: Lease | undefined
  record: AttemptRecord | undefined
  grant: { answer: TokenAnswer; receivedAtMs: number } | undefined
  orphan: { fence: number; credentials: OAuthCredentials } | undefined
  stored: Grant | undefined
}

export const newAttempt = (replica: Replica, demand: Demand): Attempt => ({
  replica,
  demand,
  row: undefined,
  askedAtMs: 0,
  lease: undefined,
  record: undefined,
  grant: undefined,
  orphan: undefined,
  stored: undefined,
})

export function viewed({ row }: Attempt): View {
  if (row === undefined) throw new Error('simulated attempt: the row was not viewed')
  return row
}

export function recordOf({ record }: Attempt): AttemptRecord {
  if (record === undefined) throw new Error('simulated attempt: no lease is held')
  return record
}
