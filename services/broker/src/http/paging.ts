import { ServiceError } from '@dromos/contract'
import type { Request, Response } from 'express'
import { singleQuery } from './input.js'

/** Reads `limit`. Throws `invalid_request` for anything but a whole number in range (contract, fault 68). */
export function readLimit(query: Request['query'], range: { byDefault: number; max: number }): number {
  const text = singleQuery(query, 'limit')
  if (text === undefined) return range.byDefault
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : NaN
  if (!(limit >= 1 && limit <= range.max))
    throw new ServiceError('invalid_request', `limit: give a whole number from 1 to ${range.max}`)
  return limit
}

/** Reads `cursor`, which is the id of the last item seen. Throws `invalid_cursor`. */
export function readCursor(query: Request['query'], isId: (text: string) => boolean): string | undefined {
  const cursor = singleQuery(query, 'cursor')
  if (cursor !== undefined && !isId(cursor))
    throw new ServiceError('invalid_cursor', 'cursor: take it from the Link header of the page before')
  return cursor
}

/**
 * Cuts a page out of what was read (one item more than the limit) and links to the next one (RFC 8288), with the filters of
 * this request. v1 listings are bare arrays, so the link has to be a header.
 */
export function takePage<Item extends { id: string }>(
  request: Request,
  response: Response,
  items: readonly Item[],
  limit: number,
): readonly Item[] {
  const page = items.slice(0, limit)
  const last = page.at(-1)
  if (items.length <= limit || last === undefined) return page
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(request.query)) if (typeof value === 'string') query.set(name, value)
  query.set('limit', String(limit))
  query.set('cursor', last.id)
  response.append('Link', `<${request.baseUrl}${request.path}?${query.toString()}>; rel="next"`)
  return page
}
