import { outboundLimits, ServiceError } from '@dromos/contract'
import type * as z from 'zod'
import type { Outbound } from './outbound-fetch.js'

export type FetchedDocument<Document> =
  | { kind: 'document'; document: Document }
  /** Somebody answered, but not with such a document. */
  | { kind: 'no_document' }
  | { kind: 'unreachable'; why: string }

/** Fetches public JSON and parses it with a schema, which also leaves behind every member it does not name (A52). */
export async function fetchDocument<Schema extends z.ZodType>(
  outbound: Outbound,
  url: string,
  schema: Schema,
): Promise<FetchedDocument<z.output<Schema>>> {
  const result = await outbound.send({
    url,
    method: 'GET',
    headers: { accept: 'application/json' },
    reads: { upToBytes: outboundLimits.documentBytes },
  })
  if (result.kind !== 'answer') return { kind: 'unreachable', why: result.why }
  if (result.status >= 500) return { kind: 'unreachable', why: `http_${result.status}` }
  if (result.status !== 200) return { kind: 'no_document' }
  const parsed = schema.safeParse(parseJson(result.body))
  return parsed.success ? { kind: 'document', document: parsed.data } : { kind: 'no_document' }
}

/** undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `what` is our own wording, `why` a code of ours. */
export const unavailable = (what: string, why: string): ServiceError =>
  new ServiceError('provider_unavailable', `the provider's ${what} cannot be read (${why}): try again`)

export const isUnavailable = (error: unknown): boolean =>
  error instanceof ServiceError && error.reason === 'provider_unavailable'
