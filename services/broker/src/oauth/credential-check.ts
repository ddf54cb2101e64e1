import { ServiceError } from '@dromos/contract'
import { applyStrategy, type AppliedStrategy } from '../domain/strategy.js'
import type { CredentialCheck } from '../flows/ports/oauth.js'
import type { Outbound } from './outbound-fetch.js'

// Owns asking a provider whether typed-in credentials work. Does not own what they are.

/**
 * 2xx accepts, 401 and 403 reject. As in the v1 contract every other answer below 500 accepts too: a 404 or 429 says nothing
 * about the credentials. Redirects, 5xx and network trouble throw `provider_unavailable`: nothing is stored unchecked.
 * A strategy that signs payloads cannot be tried by a GET; its credentials are accepted as they are.
 */
export function createCredentialCheck(outbound: Outbound): CredentialCheck {
  return {
    async accepts({ verificationUrl, strategy }, values) {
      const applied = applyStrategy(strategy, values)
      if (verificationUrl === undefined || applied === undefined) return true
      if (!Object.values(applied.headers).every(isHeaderValue)) return false
      const result = await outbound.send({
        url: withQuery(verificationUrl, applied),
        method: 'GET',
        headers: { accept: 'application/json', ...applied.headers },
        reads: 'status', // what else the provider says about the account is none of our business
      })
      if (result.kind !== 'answer') throw unavailable(result.why)
      if (result.status >= 500 || (result.status >= 300 && result.status < 400))
        throw unavailable(`http_${result.status}`)
      return result.status !== 401 && result.status !== 403
    },
  }
}

const unavailable = (why: string): ServiceError =>
  new ServiceError('provider_unavailable', `the provider could not check the credentials (${why}): try again`)

// RFC 9110 section 5.5. What cannot be sent cannot be right.
const isHeaderValue = (value: string): boolean => /^[\t\x20-\x7e]*$/.test(value)

function withQuery(verificationUrl: string, { query }: AppliedStrategy): string {
  const url = new URL(verificationUrl)
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  return url.href
}
