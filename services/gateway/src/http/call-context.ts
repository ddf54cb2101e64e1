import { ServiceError } from '@dromos/contract'
import { clientAddress, headerValues, requestIdOf, type Networks } from '@dromos/runtime'
import type { Request, Response } from 'express'
import { readCallerKey, readTraceparent, type CallContext } from '../caller.js'

export type ContextReader = {
  /** For API routes. Throws `missing_api_key`, `invalid_api_key`, `invalid_request`. */
  caller(request: Request, response: Response): CallContext
  /** For browser routes: no key is read, none is forwarded. */
  browser(request: Request, response: Response): CallContext
}

/** `anonymousKey` is the key that callers without a credential act with; undefined refuses them. */
export function createContextReader(settings: {
  trustedProxies: Networks
  anonymousKey: string | undefined
}): ContextReader {
  const describe = (request: Request, response: Response, callerKey: string | undefined): CallContext => ({
    callerKey,
    requestId: requestIdOf(response),
    traceparent: readTraceparent(request.get('traceparent')),
    clientAddress: clientAddress(request.socket.remoteAddress, request.get('x-forwarded-for'), settings.trustedProxies),
    userAgent: request.get('user-agent'),
    whenGone: (act) => whenGone(response, act),
  })
  return {
    caller(request, response) {
      refuseKeyInQuery(request)
      const key =
        readCallerKey({
          apiKeys: headerValues(request, 'x-api-key'),
          authorizations: headerValues(request, 'authorization'),
        }) ?? settings.anonymousKey
      if (key === undefined)
        throw new ServiceError('missing_api_key', 'send X-API-Key, or Authorization with Bearer or Basic')
      return describe(request, response, key)
    },
    browser: (request, response) => describe(request, response, undefined),
  }
}

const keyNames = new Set(['api_key', 'apikey', 'api-key', 'x-api-key', 'key', 'access_token'])

// A URL ends up in logs, histories and Referer headers (RFC 6750 section 2.3 advises against it; RFC 9700 section 4.3.2
// forbids it for tokens). Taking the key silently would teach callers to do it.
function refuseKeyInQuery(request: Request): void {
  if (!request.url.includes('?')) return
  if (Object.keys(request.query).some((name) => keyNames.has(name.toLowerCase())))
    throw new ServiceError('invalid_request', 'send the API key in a header: a URL is logged on its way')
}

function whenGone(response: Response, act: (why: ServiceError) => void): void {
  const look = (): void => {
    if (!response.writableFinished) act(new ServiceError('request_cancelled', 'the caller went away'))
  }
  if (response.closed) look()
  else response.on('close', look)
}
