import type { ConnectionKey } from '../domain/connection.js'
import type { Ports } from './ports/ports.js'

// Owns how a read leaves a trace without writing: uses are sampled here and written in batches by `flush`.

export type UsageSampler = {
  /** Never waits and never fails: it is called on the hot path. */
  note(key: ConnectionKey): void
  /** Writes what was noted since; what could not be written is kept for the next time. */
  flush(): Promise<void>
}

const sampleMs = 5 * 60_000
const batchRows = 200
/** Beyond this number of connections in five minutes some uses are noted twice, which costs a write and no more. */
const rememberedConnections = 200_000

/** At most one note per connection in five minutes and process. */
export function createUsageSampler(ports: Pick<Ports, 'now'> & { schedule: Ports['schedule'] }): UsageSampler {
  const seenAtMs = new Map<string, number>()
  const pending = new Map<string, { key: ConnectionKey; at: Date }>()

  return {
    note(key) {
      const name = `${key.tenantId}/${key.connectionId}`
      const nowMs = ports.now().getTime()
      const lastMs = seenAtMs.get(name)
      if (lastMs !== undefined && nowMs - lastMs < sampleMs) return
      if (seenAtMs.size >= rememberedConnections) seenAtMs.clear()
      if (pending.size >= rememberedConnections) return // the database is away: usage is not worth the memory
      seenAtMs.set(name, nowMs)
      pending.set(name, { key, at: new Date(nowMs) })
    },

    async flush() {
      while (pending.size > 0) {
        const batch = [...pending].slice(0, batchRows)
        await ports.schedule.noteUses(batch.map(([, use]) => use))
        for (const [name] of batch) pending.delete(name)
      }
    },
  }
}
