import type { Actor, BrokerEvent } from '../domain/events.js'
import type { RestoreStore } from './ports/housekeeping.js'

const batchRows = 1_000

/**
 * After a restore: every grant whose provider rotates refresh tokens may have moved on since the backup. Marked as in doubt,
 * one that turns out dead is told apart as `lost_rotation` from one that its person revoked. Answers how many were marked;
 * safe to repeat.
 */
export async function doubtRestored(
  ports: { restore: RestoreStore; report(event: BrokerEvent): Promise<void> },
  actor: Actor,
  onProgress: (marked: number) => void,
): Promise<number> {
  let marked = 0
  for (;;) {
    const rows = await ports.restore.doubtRotating(batchRows)
    marked += rows
    onProgress(marked)
    if (rows < batchRows) break
  }
  await ports.report({ type: 'restore.doubted', actor, data: { rows: marked } })
  return marked
}
