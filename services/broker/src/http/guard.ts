// Owns who may reach a route: network, API key, and the caller and actor the routes work with.
// Does not own which role a route needs (each route names it) or how a key is proven (flows/).
import { isIP } from 'node:net'
import { ServiceError, toServiceError, type ErrorReason } from '@dromos/contract'
import { clientAddress, headerValues, parseNetworks, requestIdOf, type Networks } from '@dromos/runtime'
import type { Request, RequestHandler, Response } from 'express'
import { type Caller, parseApiKey, requireRole, type Role } from '../domain/caller.js'
import type { Actor } from '../domain/events.js'
import { readPresentedKeys } from '../domain/presented-key.js'
import { createAuthenticator } from '../flows/authenticate-caller.js'
import { createClientLimit } from '../flows/limit-clients.js'
import type { Ports } from '../flows/ports/ports.js'

export type GuardSettings = {
  apiKeys: readonly string[]
  requireApiKey: boolean
  /** undefined = every address may call. */
  allowedCidrs: readonly string[] | undefined
  trustedProxies: readonly string[]
  /** 0 = no limit. */
  requestsPerSecondPerClient: number
}

/** What the guard found, as the rest of a request knows it: the one place that gives `response.locals` a type. */
const foundFor = (response: Response): { caller?: Caller; actor?: Actor } => response.locals

type GuardPorts = Pick<Ports, 'clients' | 'now' | 'report'>

/**
 * For routes that need a caller: sets what `callerOf` and `actorOf` give back. Throws `access_denied` outside the allowed
 * networks (before any key is looked at, so that strangers cannot try keys), `missing_api_key`, `invalid_api_key`,
 * `invalid_request`, `rate_limited`.
 */
export function guard(settings: GuardSettings, ports: GuardPorts): RequestHandler {
  const trusted = toNetworks(settings.trustedProxies)
  const allowed = settings.allowedCidrs === undefined ? undefined : toNetworks(settings.allowedCidrs)
  const authenticate = createAuthenticator(ports, settings)
  const limit = createClientLimit({ requestsPerSecond: settings.requestsPerSecondPerClient, now: ports.now })
  return async (request, response, next) => {
    const peerAddress = clientAddress(request.socket.remoteAddress, request.get('x-forwarded-for'), trusted)
    try {
      if (allowed?.contains(peerAddress) === false)
        throw new ServiceError('access_denied', 'calls from this address are not allowed')
      refuseKeyInQuery(request)
      const { caller, isForwarded } = await authenticate(readPresentedKeys(keyHeaders(request)))
      limit(caller)
      const address = isForwarded ? addressSaidBy(peerAddress, request, trusted) : peerAddress
      const found = foundFor(response)
      found.caller = caller
      found.actor = describeActor(request, response, address, caller)
    } catch (error) {
      const { reason } = toServiceError(error)
      const keyId = presentedKeyId(request)
      const data = { reason, ...(keyId === undefined ? {} : { presented_key_id: keyId }) }
      const actor = describeActor(request, response, peerAddress, undefined)
      // Not waited for: a refusal does not depend on the database, and its time tells nothing.
      if (refusals.has(reason)) ports.report({ type: 'access_refused', actor, data }).catch(() => undefined)
      throw error
    }
    next()
  }
}

/** For routes without a caller (a browser's): sets only what `actorOf` gives back. */
export function assignActor(options: { trustedProxies: readonly string[] }): RequestHandler {
  const trusted = toNetworks(options.trustedProxies)
  return (request, response, next) => {
    const address = clientAddress(request.socket.remoteAddress, request.get('x-forwarded-for'), trusted)
    foundFor(response).actor = describeActor(request, response, address, undefined)
    next()
  }
}

/** The caller `guard` found. Throws on a route that is not guarded: a mistake of ours. */
export function callerOf(response: Response): Caller {
  const { caller } = foundFor(response)
  if (caller === undefined) throw new Error('this route is not guarded')
  return caller
}

/** The caller `guard` found, who holds the role: else throws `access_denied`. */
export function callerAs(response: Response, role: Role): Caller {
  const caller = callerOf(response)
  requireRole(caller, role)
  return caller
}

/** Who and whence, for events. Throws on a route without `guard` or `assignActor`. */
export function actorOf(response: Response): Actor {
  const { actor } = foundFor(response)
  if (actor === undefined) throw new Error('this route has neither guard nor assignActor')
  return actor
}

// Fail closed: a network that cannot be read would be a hole in one list or the other. Configuration refuses it earlier.
function toNetworks(cidrs: readonly string[]): Networks {
  const { networks, invalid } = parseNetworks(cidrs)
  if (invalid.length > 0) throw new Error(`not a network in CIDR notation: ${invalid.join(', ')}`)
  return networks
}

/** The hop that the gateway itself wrote: the walk through the proxies goes on over the gateway's own address. */
const addressSaidBy = (gateway: string, request: Request, trusted: Networks): string =>
  clientAddress(request.socket.remoteAddress, request.get('x-forwarded-for'), {
    contains: (address) => address === gateway || trusted.contains(address),
  })

const maxUserAgentLength = 256

function describeActor(request: Request, response: Response, address: string, caller: Caller | undefined): Actor {
  return {
    tenantId: caller?.tenantId,
    clientId: caller?.clientId,
    keyId: caller?.keyId,
    requestId: requestIdOf(response),
    ipAddress: isIP(address) === 0 ? undefined : address.replace(/%.*$/, ''),
    userAgent: request.get('user-agent')?.slice(0, maxUserAgentLength),
  }
}

const keyNames = new Set(['api_key', 'apikey', 'api-key', 'x-api-key', 'key', 'access_token'])

// A URL ends up in logs, histories and Referer headers (RFC 6750 section 2.3, ASVS 14.2.1).
function refuseKeyInQuery(request: Request): void {
  if (!request.url.includes('?')) return
  if (Object.keys(request.query).some((name) => keyNames.has(name.toLowerCase())))
    throw new ServiceError('invalid_request', 'send the API key in a header: a URL is logged on its way')
}

const keyHeaders = (request: Request) => ({
  apiKeys: headerValues(request, 'x-api-key'),
  authorizations: headerValues(request, 'authorization'),
})

// Anything else (a database that is away) is a failure of ours and logged as such.
const refusals = new Set<ErrorReason>(['missing_api_key', 'invalid_api_key', 'access_denied', 'invalid_request'])

/** The public half of a key that was refused; nothing when what was sent has another form. */
function presentedKeyId(request: Request): string | undefined {
  try {
    const { apiKey, authorization } = readPresentedKeys(keyHeaders(request))
    return parseApiKey(authorization ?? apiKey ?? '')?.keyId
  } catch {
    return undefined
  }
}
