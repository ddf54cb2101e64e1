import { outboundLimits } from '@dromos/contract'
import { buildAuthorizationUrlWithPAR, customFetch, type ClientAuth } from 'openid-client'
import * as z from 'zod'
import { authenticationTarget } from '../domain/authentication-target.js'
import type { OAuthProvider } from '../domain/provider.js'
import type { TokenCall } from '../domain/token-refusal.js'
import type { AuthorizationUrls } from '../flows/ports/oauth.js'
import { authorizationParameters, authorizationServer } from './authorization-url.js'
import { clientAuthentications } from './client-authentication.js'
import { clientConfiguration, formRequest } from './client.js'
import type { OutboundResult } from './outbound-call.js'
import type { Outbound } from './outbound-fetch.js'
import { parseJson } from './fetch-document.js'
import { readFailure } from './token-wire.js'

// Owns one pushed authorization request (RFC 9126). Does not own whether one is made: the flow's snapshot says so.

type Push = AuthorizationUrls['push']

const answerSchema = z.object({ request_uri: z.string().min(1).max(2048), expires_in: z.number().positive() })

/** One request per client secret, the next one only on `invalid_client`. */
export function createPush({ outbound, now }: { outbound: Outbound; now(): Date }): Push {
  return async (provider, clientSecrets, request) => {
    const { endpoints, clientId } = request.snapshot
    const parameters = await authorizationParameters(provider, request)
    const target = authenticationTarget(endpoints) // RFC 9126 section 2: not the endpoint that is called
    let call: TokenCall<string> = { kind: 'unsent', why: 'no_client_secret' }
    for (const authentication of await clientAuthentications(provider, clientSecrets, target)) {
      const server = {
        ...authorizationServer(endpoints, {}),
        pushed_authorization_request_endpoint: endpoints.par ?? '',
      }
      call = await pushOnce({ outbound, now }, provider, server, clientId, authentication, parameters)
      if (call.kind !== 'refusal' || call.refusal.error !== 'invalid_client') break
    }
    return call
  }
}

async function pushOnce(
  { outbound, now }: { outbound: Outbound; now(): Date },
  provider: OAuthProvider,
  server: Parameters<typeof clientConfiguration>[0],
  clientId: string,
  authentication: ClientAuth,
  parameters: Record<string, string>,
): Promise<TokenCall<string>> {
  let call: TokenCall<string> = { kind: 'unsent', why: 'request_not_built' }
  const configuration = clientConfiguration(server, clientId, authentication)
  configuration.timeout = 0 // the egress guard has the deadlines
  configuration[customFetch] = async (url, options) => {
    const reads = { upToBytes: outboundLimits.pushAnswerBytes }
    const result = await outbound.send({ url, method: 'POST', ...formRequest(options), reads })
    const answer = readAnswer(result)
    call = answer ?? readFailure(result, provider.answer, now().getTime())
    if (answer === undefined) throw new Error('not pushed') // ends the library's work: there is nothing to build a URL with
    return Response.json({ request_uri: answer.answer, expires_in: 60 }, { status: 201 })
  }
  try {
    const url = await buildAuthorizationUrlWithPAR(configuration, parameters)
    return { kind: 'answer', answer: url.href }
  } catch {
    // Refused, unanswered, or never built: `call` knows which.
    return call
  }
}

/** Section 2.2 wants 201; some answer 200. */
function readAnswer(result: OutboundResult): (TokenCall<string> & { kind: 'answer' }) | undefined {
  if (result.kind !== 'answer' || (result.status !== 201 && result.status !== 200)) return undefined
  const parsed = answerSchema.safeParse(parseJson(result.body))
  return parsed.success ? { kind: 'answer', answer: parsed.data.request_uri } : undefined
}
