import type { HousekeepingStore, HousekeepingTask } from './ports/housekeeping.js'

// Owns what is thrown away and how much of it at a time. Safe on any number of replicas at once. Does not own after how long:
// config.ts; or what it looks like in the database: postgres/housekeeping-store.ts.

export const housekeepingTasks: readonly HousekeepingTask[] = [
  'idempotency_keys',
  'flow_secrets',
  'consents',
  'abandoned_connections',
  'orphans',
  'dead_credentials',
  'audit_events',
]

const batchRows = 500
/** A backlog takes several runs: one run must not keep the database busy. */
const batchesPerRun = 20

/**
 * One run: at most 10,000 rows of each kind. Answers how many of each. A task that fails leaves the others to their work; the
 * first failure is thrown at the end.
 */
export async function housekeep(
  ports: {
    housekeeping: HousekeepingStore
    /** Gives the rows of old segments free; see seal-audit.ts. */
    retireAudit(days: number): Promise<unknown>
    countHandled(task: HousekeepingTask, rows: number): void
  },
  retention: { credentialsDays: number; auditDays: number },
): Promise<Readonly<Record<string, number>>> {
  const handled: Record<string, number> = {}
  const failures: unknown[] = []
  for (const task of housekeepingTasks) {
    // 0 = the audit is kept for ever
    if (task === 'audit_events' && retention.auditDays === 0) continue
    const days = task === 'audit_events' ? retention.auditDays : retention.credentialsDays
    try {
      if (task === 'audit_events') await ports.retireAudit(days)
      handled[task] = await tidy(ports, task, days)
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
  return handled
}

async function tidy(
  { housekeeping, countHandled }: Parameters<typeof housekeep>[0],
  task: HousekeepingTask,
  days: number,
): Promise<number> {
  let handled = 0
  for (let batch = 0; batch < batchesPerRun; batch++) {
    const rows = await housekeeping.tidy(task, days, batchRows)
    handled += rows
    countHandled(task, rows)
    if (rows < batchRows) break
  }
  return handled
}
