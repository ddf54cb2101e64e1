import type { KeyRecord } from '../flows/ports/clients.js'

/** A revocation at another replica takes effect here after at most this long. */
const lifetimeMs = 5_000
const capacity = 10_000

export type KeyCache = { get(keyId: string): Promise<KeyRecord | undefined>; forget(keyId: string): void }

/**
 * Remembers keys for a few seconds, unknown ones too, so that a known id answers no faster than a guessed one. Parallel
 * requests share one read. The oldest entries make room: whoever guesses ids costs us reads, never memory.
 */
export function createKeyCache(read: (keyId: string) => Promise<KeyRecord | undefined>, now: () => Date): KeyCache {
  const entries = new Map<string, { record: Promise<KeyRecord | undefined>; untilMs: number }>()
  return {
    get(keyId) {
      const nowMs = now().getTime()
      const held = entries.get(keyId)
      if (held !== undefined && nowMs < held.untilMs) return held.record
      const record = read(keyId)
      const entry = { record, untilMs: nowMs + lifetimeMs }
      entries.delete(keyId)
      entries.set(keyId, entry)
      const [oldest] = entries.keys()
      if (entries.size > capacity && oldest !== undefined) entries.delete(oldest)
      record.catch(() => {
        if (entries.get(keyId) === entry) entries.delete(keyId) // a failure is not remembered
      })
      return record
    },
    forget(keyId) {
      entries.delete(keyId)
    },
  }
}
