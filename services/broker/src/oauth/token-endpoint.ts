import { outboundLimits } from '@dromos/contract'
import { customFetch, genericGrantRequest, type ClientAuth, type CustomFetch } from 'openid-client'
import type { OAuthProvider } from '../domain/provider.js'
import type { TokenCall } from '../domain/token-refusal.js'
import type { Grant, TokenEndpoint } from '../flows/ports/oauth.js'
import { clientAuthentications } from './client-authentication.js'
import { clientConfiguration, formRequest } from './client.js'
import type { DpopProofs } from './dpop.js'
import type { Outbound } from './outbound-fetch.js'
import { exchangeRequest, refreshRequest, type TokenRequest } from './token-request.js'
import { readTokenCall } from './token-wire.js'

// Owns one call of a token endpoint: the library builds and authenticates it, the egress guard sends it, we read the
// answer. Does not own when to call, nor what an answer or refusal means for a connection.

/** Milliseconds after which no further client secret is tried: all tries together fit into a refresh lease. */
const lastTryStartsWithinMs = 5_000

type TokenEndpointDependencies = { outbound: Outbound; dpop: DpopProofs; now(): Date }

export function createTokenEndpoint(dependencies: TokenEndpointDependencies): TokenEndpoint {
  return {
    exchange: (provider, secrets, input) =>
      callWithSecrets(dependencies, provider, exchangeRequest(provider, secrets, input)),
    refresh: (provider, secrets, input) =>
      callWithSecrets(dependencies, provider, refreshRequest(provider, secrets, input)),
  }
}

/** One request per client secret, the next one only on `invalid_client`: a refused client has used up nothing. */
async function callWithSecrets(
  dependencies: TokenEndpointDependencies,
  provider: OAuthProvider,
  request: TokenRequest,
): Promise<TokenCall<Grant>> {
  const startedAtMs = performance.now()
  let call: TokenCall<Grant> = { kind: 'unsent', why: 'no_client_secret' }
  for (const authentication of await clientAuthentications(provider, request.secrets, request.target)) {
    call = await callWithNonce(dependencies, provider, request, authentication)
    const isOurClient = call.kind === 'refusal' && call.refusal.error === 'invalid_client'
    if (!isOurClient || performance.now() - startedAtMs > lastTryStartsWithinMs) break
  }
  return call
}

/**
 * RFC 9449 section 8: a server that wants its nonce in the proof has refused the request unprocessed, refresh token
 * included, so it is made anew, once. The right to send is asked for anew as well.
 */
async function callWithNonce(
  dependencies: TokenEndpointDependencies,
  provider: OAuthProvider,
  request: TokenRequest,
  authentication: ClientAuth,
): Promise<TokenCall<Grant>> {
  const call = await callOnce(dependencies, provider, request, authentication)
  const wantsNonce = request.dpopKey !== undefined && call.kind === 'refusal' && call.refusal.error === 'use_dpop_nonce'
  return wantsNonce ? callOnce(dependencies, provider, request, authentication) : call
}

async function callOnce(
  { outbound, dpop, now }: TokenEndpointDependencies,
  provider: OAuthProvider,
  request: TokenRequest,
  authentication: ClientAuth,
): Promise<TokenCall<Grant>> {
  let call: TokenCall<Grant> = { kind: 'unsent', why: 'request_not_built' }
  const configuration = clientConfiguration(
    { issuer: request.target.audience, token_endpoint: request.url },
    request.clientId,
    authentication,
  )
  configuration.timeout = 0 // the egress guard has the deadlines
  configuration[customFetch] = async (url, options) => {
    const { headers, body } = shape(provider, options)
    const proof = request.dpopKey && { dpop: await dpop.prove(request.dpopKey, { method: 'POST', url }) }
    const result = await outbound.send({
      url,
      method: 'POST',
      headers: { ...headers, ...proof },
      body,
      reads: { upToBytes: outboundLimits.tokenAnswerBytes },
      mayStillSend: request.mayStillSend,
    })
    if (proof && result.kind === 'answer') dpop.note(url, result.dpopNonce)
    const receivedAtMs = now().getTime()
    const read = readTokenCall(result, provider.answer, receivedAtMs)
    call = read.kind === 'answer' ? { kind: 'answer', answer: { answer: read.answer, receivedAtMs } } : read
    throw readElsewhere
  }
  try {
    await genericGrantRequest(configuration, request.grantType, { ...request.parameters })
  } catch {
    // What was sent is in `call`. Before that only building or signing can fail: it still says that nothing was.
  }
  return call
}

/**
 * Where the library's part ends. Given the answer it refuses what providers do send (an odd `token_type`, a form), after they
 * have rotated, and throws errors whose `cause` holds the tokens (measured). One error for all, of a kind that the library
 * hands on without another around it.
 */
const readElsewhere = new TypeError('the answer is read elsewhere')

/** The body as the provider wants it: a form (RFC 6749 section 4.1.3) or a JSON object (Atlassian, Square). */
function shape(
  { bodyFormat }: OAuthProvider,
  options: Parameters<CustomFetch>[1],
): { body: string; headers: Record<string, string> } {
  const form = formRequest(options)
  if (bodyFormat === 'form') return form
  return {
    headers: { ...form.headers, 'content-type': 'application/json' },
    body: JSON.stringify(Object.fromEntries(new URLSearchParams(form.body))),
  }
}
