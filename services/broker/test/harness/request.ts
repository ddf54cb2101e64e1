export type RequestOptions = {
  /** Sent as X-API-Key; null = no key at all. */
  key?: string | null
  body?: unknown
  headers?: Record<string, string>
}

export type Answer = {
  status: number
  headers: Headers
  text: string
  /** The parsed body when it is a JSON object, else an empty one. */
  body: Record<string, unknown>
}

/** One HTTP request as a client would send it; redirects are not followed. */
export async function request(base: string, method: string, path: string, options: RequestOptions): Promise<Answer> {
  const headers = new Headers(options.headers)
  if (typeof options.key === 'string') headers.set('x-api-key', options.key)
  if (options.body !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json')
  const body = options.body === undefined ? null : asText(options.body)
  const response = await fetch(new URL(path, base), { method, headers, body, redirect: 'manual' })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: objectOf(text) }
}

const asText = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body))

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
