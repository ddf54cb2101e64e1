import type { LabClock } from './clock.js'
import type { LabEndpoint, LabRequest } from './request.js'
import type { PresentedCertificate } from './tls/client-certificate.js'

export type JournalEntry = {
  /** Counts from 1 over all requests of the provider, also those the ring has let go. */
  seq: number
  /** Virtual time in milliseconds. */
  at: number
  endpoint: LabEndpoint
  /** Requests with the same number came on the same connection. */
  socket: number
  /** The client's certificate, when the connection has one (RFC 8705). */
  certificate: PresentedCertificate | undefined
  method: string
  path: string
  headers: Record<string, string>
  query: Record<string, string>
  /** Request line and headers in the spelling and order they came in. */
  rawHead: string
  rawBody: string
  form: Record<string, string>
  /** The switches that acted on this request, in order: why the answer is what it is. */
  switches: string[]
  /** Undefined while the request is open, and for ever when no byte of an answer was sent. */
  answered: { status: number; body: string } | undefined
}

export type Journal = {
  record(request: LabRequest): JournalEntry
  list(endpoint?: LabEndpoint): JournalEntry[]
}

/** How much of one body is kept, in characters. */
export const journaledBodyChars = 65_536

/** A ring: beyond `size` entries the oldest is let go. */
export function createJournal(clock: LabClock, size: number): Journal {
  const entries: JournalEntry[] = []
  let recorded = 0
  return {
    record: ({ repeated: _checked, rawBody, ...request }) => {
      recorded += 1
      const entry: JournalEntry = {
        seq: recorded,
        at: clock.now(),
        ...request,
        rawBody: rawBody.slice(0, journaledBodyChars),
        switches: [],
        answered: undefined,
      }
      entries.push(entry)
      // Half as much again before cutting, so that a full ring does not move all its entries at every request.
      if (entries.length > size * 1.5) entries.splice(0, entries.length - size)
      return entry
    },
    list: (endpoint) => entries.slice(-size).filter((entry) => endpoint === undefined || entry.endpoint === endpoint),
  }
}
