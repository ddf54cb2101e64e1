import { outboundLimits } from '@dromos/contract'
import { customFetch, tokenRevocation, type ClientAuth } from 'openid-client'
import type { ClientSecrets, OAuthProvider } from '../domain/provider.js'
import type { RevocationAnswer, RevocationEndpoint } from '../flows/ports/oauth.js'
import { clientAuthentications } from './client-authentication.js'
import { clientConfiguration, formRequest } from './client.js'
import type { OutboundRequest, OutboundResult } from './outbound-call.js'
import type { Outbound } from './outbound-fetch.js'
import { retryAfterSeconds } from './token-wire.js'

// Owns one call that ends a token at its provider, in the provider's style. Does not own when to call or to try again.

type Request = Parameters<RevocationEndpoint['revoke']>[2]

export function createRevocationEndpoint({ outbound, now }: { outbound: Outbound; now(): Date }): RevocationEndpoint {
  const send = async (request: Omit<OutboundRequest, 'reads'>): Promise<OutboundResult> =>
    outbound.send({ ...request, reads: { upToBytes: outboundLimits.revocationAnswerBytes } })
  const read = (result: OutboundResult, meansGone: readonly number[]): RevocationAnswer =>
    readAnswer(result, meansGone, now().getTime())

  return {
    async revoke(provider, secrets, request) {
      switch (provider.revocationStyle.style) {
        case 'rfc7009':
          return revokeByStandard(send, read, provider, secrets, request)
        case 'bearer_post': // the token itself is the authority: 401 says that it has none any more
          return read(
            await send({ url: request.url, method: 'POST', headers: { authorization: `Bearer ${request.token}` } }),
            [401],
          )
        case 'basic_delete': // 404: the application holds no such token
          return read(
            await send({
              url: request.url,
              method: 'DELETE',
              headers: {
                authorization: `Basic ${basicCredentials(provider, secrets)}`,
                'content-type': 'application/json',
                accept: 'application/json',
              },
              body: JSON.stringify({ access_token: request.token }),
            }),
            [404],
          )
      }
    },
  }
}

type Send = (request: Omit<OutboundRequest, 'reads'>) => Promise<OutboundResult>
type Read = (result: OutboundResult, meansGone: readonly number[]) => RevocationAnswer

/** RFC 7009 section 2.1, one request per client secret while the provider does not know the client. */
async function revokeByStandard(
  send: Send,
  read: Read,
  provider: OAuthProvider,
  secrets: ClientSecrets,
  request: Request,
): Promise<RevocationAnswer> {
  let answer: RevocationAnswer = { kind: 'unavailable', retryAfterMs: undefined }
  for (const authentication of await clientAuthentications(provider, secrets, request)) {
    const result = await callLibrary(send, provider, authentication, request)
    answer = result === undefined ? answer : read(result, [])
    if (result?.kind !== 'answer' || result.status !== 401) break
  }
  return answer
}

async function callLibrary(
  send: Send,
  provider: OAuthProvider,
  authentication: ClientAuth,
  request: Request,
): Promise<OutboundResult | undefined> {
  let result: OutboundResult | undefined
  const server = { issuer: request.audience, revocation_endpoint: request.url }
  const configuration = clientConfiguration(server, provider.clientId, authentication)
  configuration.timeout = 0 // the egress guard has the deadlines
  configuration[customFetch] = async (url, options) => {
    result = await send({ url, method: 'POST', ...formRequest(options) })
    return new Response(null, { status: 200 }) // the library gets nothing to judge: see token-endpoint.ts
  }
  try {
    await tokenRevocation(configuration, request.token, { token_type_hint: request.hint })
  } catch {
    // Only building or signing can fail here, before the fetch.
  }
  return result
}

// What providers answer for a token that is dead already (Google: 400). RFC 7009 section 2.2 wants 200 for it.
const deadToken = /"error"\s*:\s*"(invalid_token|invalid_grant|token_expired|token_revoked)"/

function readAnswer(result: OutboundResult, meansGone: readonly number[], nowMs: number): RevocationAnswer {
  if (result.kind !== 'answer') return { kind: 'unavailable', retryAfterMs: undefined }
  const { status, body } = result
  if (status >= 200 && status < 300) return { kind: 'revoked' }
  if (meansGone.includes(status) || (status === 400 && deadToken.test(body))) return { kind: 'revoked' }
  // 401 and 403 are our own client: an operator mends it, and a later try succeeds.
  const isPassing = status >= 500 || status === 408 || status === 429 || status === 401 || status === 403
  if (!isPassing) return { kind: 'refused', httpStatus: status }
  const seconds = retryAfterSeconds(result.retryAfter, nowMs)
  return { kind: 'unavailable', retryAfterMs: seconds === undefined ? undefined : seconds * 1000 }
}

// RFC 6749 section 2.3.1: id and secret are form-encoded before they are joined.
function basicCredentials(provider: OAuthProvider, { secrets }: ClientSecrets): string {
  const encode = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1)
  return Buffer.from(`${encode(provider.clientId)}:${encode(secrets[0] ?? '')}`).toString('base64')
}
