import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { ServiceError } from '@dromos/contract'
import { parseCookie, stringifySetCookie } from 'cookie'
import type { Request, Response } from 'express'
import type { AuthorizationRequest } from '../domain/authorization-request.js'
import type { Ports } from '../flows/ports/ports.js'

// Owns the cookie that ties one authorization request to one browser (A4, A18).
// Does not own when a tie is demanded: the callback and the pages decide that.

const maxAgeSeconds = 600

/**
 * Ties an authorization request to the browser that opened its link and returns the digest that is now in the row. A browser
 * that is tied already keeps its cookie, so that a reload or a second tab does not break the first.
 * Throws `consent_already_used` when the request was completed or ran out since it was read.
 *
 * @param cookie `secure` is true when browsers reach us over https: only then may the name start with `__Host-`.
 */
export async function bindBrowser(
  request: Request,
  response: Response,
  authorizationRequest: AuthorizationRequest,
  ports: Pick<Ports, 'authorizationRequests'>,
  cookie: { secure: boolean },
): Promise<string> {
  const name = cookieName(authorizationRequest, cookie.secure ? '__Host-' : '')
  const presented = cookiesOf(request)[name]
  const isKnown = presented !== undefined && matches(authorizationRequest, digestOf(name, presented))
  const value = isKnown ? presented : randomBytes(32).toString('base64url')
  const digest = digestOf(name, value)
  if (!isKnown && !(await ports.authorizationRequests.bindBrowser(authorizationRequest, digest)))
    throw new ServiceError('consent_already_used', 'this link was completed or ran out a moment ago')
  const attributes = {
    httpOnly: true,
    secure: cookie.secure,
    sameSite: 'lax',
    path: '/',
    maxAge: maxAgeSeconds,
  } as const
  response.append('Set-Cookie', stringifySetCookie({ name, value, ...attributes }))
  return digest
}

/** True when the browser presents the cookie whose digest is in the row. Compares in constant time. */
export function isBoundBrowser(request: Request, authorizationRequest: AuthorizationRequest): boolean {
  const cookies = cookiesOf(request)
  return ['__Host-', ''].some((prefix) => {
    const name = cookieName(authorizationRequest, prefix)
    const value = cookies[name]
    return value !== undefined && matches(authorizationRequest, digestOf(name, value))
  })
}

// One cookie per request, so that two consents in one browser do not overwrite each other.
const cookieName = (authorizationRequest: AuthorizationRequest, prefix: string): string =>
  `${prefix}dromos-${createHash('sha256').update(authorizationRequest.id).digest('hex').slice(0, 8)}`

const cookiesOf = (request: Request): Record<string, string | undefined> => parseCookie(request.get('cookie') ?? '')

// The name is part of the digest: a value won under `__Host-` is worthless under the plain name, which a sibling subdomain
// could plant with a Domain attribute (A18).
const digestOf = (name: string, value: string): string => createHash('sha256').update(`${name}=${value}`).digest('hex')

function matches(authorizationRequest: AuthorizationRequest, digest: string): boolean {
  if (authorizationRequest.browserDigest?.length !== digest.length) return false
  return timingSafeEqual(Buffer.from(authorizationRequest.browserDigest), Buffer.from(digest))
}
