import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Adapter, AdapterPayload } from 'oidc-provider'

type Entry = { model: string; id: string; payload: AdapterPayload; expiresAtMs: number | undefined }

/** Sessions, grants and tokens of the demo identity provider: `adapter` is what oidc-provider asks for by model name. */
export type RecordStore = { adapter: (model: string) => Adapter; save: () => void }

const SAVE_DELAY_MS = 100

/**
 * Keeps everything in memory and, shortly after each change, in one file (mode 0600), so that a connection made today
 * can still be refreshed after a restart. Good for one process and a few thousand records, which a demo never has.
 */
export function openRecordStore(path: string): RecordStore {
  const entries = readEntries(path)
  let timer: NodeJS.Timeout | undefined

  function save(): void {
    clearTimeout(timer)
    timer = undefined
    for (const [key, entry] of entries) if (hasExpired(entry)) entries.delete(key)
    writeFileSync(`${path}.new`, JSON.stringify([...entries.values()]), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }
  function changed(): Promise<void> {
    timer ??= setTimeout(save, SAVE_DELAY_MS).unref()
    return Promise.resolve()
  }
  function findBy(model: string, matches: (payload: AdapterPayload) => boolean): AdapterPayload | undefined {
    for (const entry of entries.values()) {
      if (entry.model === model && !hasExpired(entry) && matches(entry.payload)) return entry.payload
    }
    return undefined
  }
  function adapter(model: string): Adapter {
    return {
      upsert(id, payload, expiresInSeconds) {
        // 0 and undefined both mean: no end.
        const expiresAtMs = expiresInSeconds ? Date.now() + expiresInSeconds * 1000 : undefined
        entries.set(`${model}:${id}`, { model, id, payload, expiresAtMs })
        return changed()
      },
      find(id) {
        const entry = entries.get(`${model}:${id}`)
        return Promise.resolve(entry === undefined || hasExpired(entry) ? undefined : entry.payload)
      },
      findByUid: (uid) => Promise.resolve(findBy(model, (payload) => payload.uid === uid)),
      findByUserCode: (userCode) => Promise.resolve(findBy(model, (payload) => payload.userCode === userCode)),
      consume(id) {
        const entry = entries.get(`${model}:${id}`)
        if (entry !== undefined) entry.payload = { ...entry.payload, consumed: Math.floor(Date.now() / 1000) }
        return changed()
      },
      destroy(id) {
        entries.delete(`${model}:${id}`)
        return changed()
      },
      revokeByGrantId(grantId) {
        for (const [key, entry] of entries) if (entry.payload.grantId === grantId) entries.delete(key)
        return changed()
      },
    }
  }
  return { adapter, save }
}

function hasExpired(entry: Entry): boolean {
  return entry.expiresAtMs !== undefined && entry.expiresAtMs <= Date.now()
}

/** A file that cannot be read costs the demo its sessions, nothing else: it starts empty. */
function readEntries(path: string): Map<string, Entry> {
  if (!existsSync(path)) return new Map()
  try {
    const list = JSON.parse(readFileSync(path, 'utf8')) as Entry[]
    return new Map(list.map((entry) => [`${entry.model}:${entry.id}`, entry]))
  } catch {
    return new Map()
  }
}
