// Owns how long a fetched document (metadata, key set) is believed. Does not own fetching or reading it.

export type DocumentCache<Document> = {
  /** The held copy while it is fresh, else a new one. A failed load is remembered for `failureMs`. */
  get(key: string, load: () => Promise<Document>): Promise<Document>
  /**
   * Loads anew although the held copy is fresh. Joins a load under way, and asks `mayLoad` only for one of its own;
   * undefined when that is refused.
   */
  reload(key: string, load: () => Promise<Document>, mayLoad: () => boolean): Promise<Document | undefined>
}

export type DocumentCacheOptions = {
  now(): Date
  freshMs: number
  /** For how long a copy still serves when `isOutage` says that the source is merely down. */
  staleMs: number
  failureMs: number
  maxEntries: number
  isOutage(error: unknown): boolean
}

type Entry<Document> = {
  held: { document: Document; loadedAtMs: number } | undefined
  failed: { error: unknown; atMs: number } | undefined
  loading: Promise<Document> | undefined
}

export function createDocumentCache<Document>(options: DocumentCacheOptions): DocumentCache<Document> {
  const entries = new Map<string, Entry<Document>>()
  const nowMs = (): number => options.now().getTime()

  // A Map keeps insertion order: re-inserting what is used makes its first key the least recently used one.
  function touch(key: string): Entry<Document> {
    const entry = entries.get(key) ?? { held: undefined, failed: undefined, loading: undefined }
    entries.delete(key)
    entries.set(key, entry)
    const oldest = entries.keys().next()
    if (entries.size > options.maxEntries && !oldest.done) entries.delete(oldest.value)
    return entry
  }

  async function run(entry: Entry<Document>, load: () => Promise<Document>): Promise<Document> {
    try {
      const document = await load()
      entry.held = { document, loadedAtMs: nowMs() }
      entry.failed = undefined
      return document
    } catch (error) {
      entry.failed = { error, atMs: nowMs() }
      return fallBack(entry, error)
    } finally {
      entry.loading = undefined
    }
  }

  function fallBack(entry: Entry<Document>, error: unknown): Document {
    const { held } = entry
    if (held !== undefined && options.isOutage(error) && nowMs() - held.loadedAtMs < options.staleMs)
      return held.document
    throw error
  }

  return {
    async reload(key, load, mayLoad) {
      const entry = touch(key)
      if (entry.loading === undefined && !mayLoad()) return undefined
      entry.loading ??= run(entry, load)
      return entry.loading
    },
    async get(key, load) {
      const entry = touch(key)
      if (entry.loading !== undefined) return entry.loading
      if (entry.held !== undefined && nowMs() - entry.held.loadedAtMs < options.freshMs) return entry.held.document
      if (entry.failed !== undefined && nowMs() - entry.failed.atMs < options.failureMs)
        return fallBack(entry, entry.failed.error)
      entry.loading = run(entry, load)
      return entry.loading
    },
  }
}
