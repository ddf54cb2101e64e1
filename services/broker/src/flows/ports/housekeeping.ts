// What the flows require of whoever throws away what is old, and of whoever doubts what a restore brought back.

export type HousekeepingTask =
  | 'idempotency_keys'
  | 'flow_secrets'
  | 'consents'
  | 'abandoned_connections'
  | 'orphans'
  | 'dead_credentials'
  | 'audit_events'

export type HousekeepingStore = {
  /** Throws away at most `limit` rows older than `days`, or their ciphertext; waits for nobody. Answers how many. */
  tidy(task: HousekeepingTask, days: number, limit: number): Promise<number>
}

export type RestoreStore = {
  /** Marks at most `limit` grants of rotating providers as in doubt; 0 = all are. */
  doubtRotating(limit: number): Promise<number>
}
