import type { Cast } from './cast.js'
import { createSeries, type Series } from './series.js'
import type { Secrets } from './secrets.js'

// Owns what the services show of themselves while they are attacked: memory, open files, handles; and that no secret is in it.

export type Watch = {
  sample(): Promise<void>
  /** By process incarnation. */
  series(): ReadonlyMap<string, Series>
}

const timeoutMs = 10_000

export function createWatch({ fleet, gateways, recorder }: Cast, secrets: Secrets): Watch {
  const all = new Map<string, Series>()
  const startedAtMs = performance.now()
  const look = async (name: string, url: string): Promise<void> => {
    const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(timeoutMs) }).catch(() => undefined)
    const text = await answer?.text().catch(() => undefined)
    if (answer?.status !== 200 || text === undefined) return // just being ended
    const leak = secrets.findIn(text)
    if (leak !== undefined) recorder.violated('a secret in the metrics', `${name} ${leak}`)
    const series = all.get(name) ?? createSeries()
    all.set(name, series)
    series.add({
      atMs: performance.now() - startedAtMs,
      residentMb: valueOf(text, 'process_resident_memory_bytes') / 1_048_576,
      heapMb: valueOf(text, 'nodejs_heap_size_used_bytes') / 1_048_576,
      openFiles: valueOf(text, 'process_open_fds'),
      handles: valueOf(text, 'nodejs_active_handles_total'),
      lines: text.split('\n').length,
    })
  }
  return {
    async sample() {
      const processes = [
        ...fleet.running().map(({ incarnation, url }) => ({ name: incarnation, url })),
        ...gateways.map(({ name, url }) => ({ name, url })),
      ]
      await Promise.all(processes.map(({ name, url }) => look(name, url)))
    },
    series: () => all,
  }
}

/** NaN where the platform does not tell. */
const valueOf = (metrics: string, name: string): number =>
  Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1] ?? Number.NaN)
