import { ServiceError } from '@dromos/contract'
import type { ConnectionReason } from './connection.js'

/** The query of a callback, every parameter at most once. */
export type AuthorizationResponse = {
  state: string
  code: string | undefined
  error: string | undefined
  issuer: string | undefined
}

const maxParameterLength = 8192

/**
 * Reads the callback's query. Throws `missing_params` or `invalid_request`. RFC 6749 section 3.1: a parameter must not be
 * included more than once. `error_description` is dropped on purpose: nothing of it is ever shown, stored or logged.
 */
export function parseAuthorizationResponse(query: Readonly<Record<string, unknown>>): AuthorizationResponse {
  const state = single(query, 'state')
  const response = { code: single(query, 'code'), error: single(query, 'error'), issuer: single(query, 'iss') }
  if (state === undefined) throw new ServiceError('invalid_state', 'the authorization response carries no state')
  if (response.code === undefined && response.error === undefined)
    throw new ServiceError('missing_params', 'the authorization response carries neither code nor error')
  return { state, ...response }
}

function single(query: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = query[name]
  if (value === undefined || value === '') return undefined
  if (typeof value !== 'string' || value.length > maxParameterLength)
    throw new ServiceError('invalid_request', `the authorization response carries ${name} more than once or too long`)
  return value
}

/**
 * RFC 9207 section 2.4: a present `iss` must equal the recorded issuer by simple string comparison, and must be present
 * when the provider promises it. Holds for error responses too.
 */
export function isFromIssuer(
  response: AuthorizationResponse,
  recorded: { issuer: string | undefined; sendsIssuer: boolean },
): boolean {
  if (response.issuer === undefined) return !recorded.sendsIssuer
  return recorded.issuer === undefined || response.issuer === recorded.issuer
}

/** RFC 6749 section 4.1.2.1, reduced to the two things an application can act on. */
export const reasonOfError = (error: string): ConnectionReason =>
  error === 'access_denied' || error === 'consent_required' ? 'access_denied' : 'provider_error'
