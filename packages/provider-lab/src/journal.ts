import type { LabClock } from './clock.js'
import type { LabEndpoint, LabRequest } from './request.js'

export type JournalEntry = {
  /** Virtual time in milliseconds. */
  at: number
  endpoint: LabEndpoint
  method: string
  path: string
  headers: Record<string, string>
  query: Record<string, string>
  rawBody: string
  form: Record<string, string>
  /** Undefined while the request is open, and for ever when no byte of an answer was sent. */
  answered: { status: number; body: string } | undefined
}

export type Journal = {
  record(request: LabRequest): JournalEntry
  list(endpoint?: LabEndpoint): JournalEntry[]
}

export function createJournal(clock: LabClock): Journal {
  const entries: JournalEntry[] = []
  return {
    record: ({ endpoint, method, path, headers, query, rawBody, form }) => {
      const entry = { at: clock.now(), endpoint, method, path, headers, query, rawBody, form, answered: undefined }
      entries.push(entry)
      return entry
    },
    list: (endpoint) => entries.filter((entry) => endpoint === undefined || entry.endpoint === endpoint),
  }
}
