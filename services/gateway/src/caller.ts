import { ServiceError } from '@dromos/contract'

/**
 * What every call to the broker carries about the call it serves. The gateway passes a caller's identity on and decides
 * nothing: the broker authenticates and authorises.
 */
export type CallContext = Readonly<{
  /** The caller's API key; undefined on the browser routes, which have none. */
  callerKey: string | undefined
  requestId: string
  /** W3C Trace Context header, passed on when well-formed. */
  traceparent: string | undefined
  clientAddress: string
  userAgent: string | undefined
  /** Acts when the caller goes away before its answer or its own deadline passes; at once when that has happened. */
  whenGone(act: (why: ServiceError) => void): void
}>

const keyFormat = /^[\x21-\x7e]{1,512}$/

/**
 * The key a caller presents as `X-API-Key`, `Authorization: Bearer` (RFC 6750 section 2.1) or HTTP Basic (RFC 7617);
 * undefined when there is none. Throws `invalid_request` when two credentials differ, because choosing one would be a
 * guess, and `invalid_api_key` for text no key can be.
 */
export function readCallerKey(presented: {
  apiKeys: readonly string[]
  authorizations: readonly string[]
}): string | undefined {
  const apiKeys = presented.apiKeys.map((key) => key.trim()).filter((key) => key !== '')
  const keys = new Set([...apiKeys, ...presented.authorizations.map(readAuthorization)])
  if (keys.size > 1) throw new ServiceError('invalid_request', 'two different credentials were presented: send one')
  const [key] = keys
  if (key !== undefined && !keyFormat.test(key))
    throw new ServiceError('invalid_api_key', 'the API key holds characters that no key has, or none at all')
  return key
}

/** Parses a `traceparent` (W3C Trace Context, version 00); anything else is dropped so that it cannot poison a trace. */
export const readTraceparent = (value: string | undefined): string | undefined =>
  value !== undefined && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(value) ? value : undefined

function readAuthorization(header: string): string {
  const [, scheme = '', value = ''] = /^(\S+)\s+(\S+)\s*$/.exec(header) ?? []
  if (/^bearer$/i.test(scheme)) return value
  if (/^basic$/i.test(scheme)) return readBasic(value)
  throw new ServiceError(
    'invalid_request',
    'Authorization: use Bearer <key>, or Basic with the key as user and password',
  )
}

// A v1 client that only takes a base URL can write the key into it: https://dk_<id>:<secret>@host, or the whole key as
// the password.
function readBasic(encoded: string): string {
  const [, username = '', password = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString('utf8')) ?? []
  return username.startsWith('dk_') && !password.startsWith('dk_') ? `${username}_${password}` : password
}
