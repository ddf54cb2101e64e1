import type { IncomingMessage, ServerResponse } from 'node:http'
import { jsonAnswer, oauthError, type Answer } from './answer.js'
import { deliver, noPauses, reachesClient } from './deliver.js'
import { answerAuthorize } from './endpoints/authorize.js'
import { answerDiscovery } from './endpoints/discovery.js'
import { saidWith200 } from './endpoints/errors-in-200.js'
import { answerJwks } from './endpoints/jwks.js'
import { answerResourceMetadata } from './endpoints/resource-metadata.js'
import { answerApi, answerUserinfo } from './endpoints/resources.js'
import { answerPar } from './endpoints/par.js'
import { answerRegistration } from './endpoints/registration.js'
import { answerRevocation } from './endpoints/revocation.js'
import { answerToken } from './endpoints/token.js'
import { journaledBodyChars, type JournalEntry } from './journal.js'
import {
  flattenHeaders,
  parseBody,
  parsePairs,
  rawHeadOf,
  readBody,
  socketNumber,
  type LabEndpoint,
  type LabRequest,
} from './request.js'
import type { ProviderState } from './state.js'
import { certificateOf } from './tls/client-certificate.js'

/** Serves one request to one provider: journal it, answer it, put the answer on the wire. */
export async function serve(
  state: ProviderState,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<JournalEntry> {
  const request = await readRequest(state, incoming)
  const entry = state.journal.record(request)
  const answer = await state.switches.noting(entry.switches, () => answerTo(state, request))
  if (reachesClient(answer)) {
    entry.answered = { status: answer.status, body: answer.body.toString('utf8').slice(0, journaledBodyChars) }
  }
  const { holds } = state
  const pauses = {
    beforeFirstByte: () => holds.pass('before-first-byte'),
    midBody: () => holds.pass('mid-body'),
  }
  await deliver(response, answer, request.endpoint === 'token' ? pauses : noPauses)
  return entry
}

/** The attacker's origin: it takes whatever is sent and answers tempting tokens, so that following it is seen. */
export async function serveAttacker(
  state: ProviderState,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<JournalEntry> {
  const request = { ...(await readRequest(state, incoming)), endpoint: 'attacker' as const }
  const entry = state.journal.record(request)
  const answer = jsonAnswer(200, { access_token: 'attacker', token_type: 'Bearer', expires_in: 3600 })
  entry.answered = { status: answer.status, body: answer.body.toString() }
  await deliver(response, answer, noPauses)
  return entry
}

async function readRequest(state: ProviderState, incoming: IncomingMessage): Promise<LabRequest> {
  const url = new URL(incoming.url ?? '/', state.endpoints.issuer)
  const headers = flattenHeaders(incoming)
  const rawBody = await readBody(incoming)
  const query = parsePairs(url.searchParams)
  const body = parseBody(headers['content-type'] ?? '', rawBody)
  return {
    socket: socketNumber(incoming.socket),
    certificate: certificateOf(incoming.socket),
    rawHead: rawHeadOf(incoming),
    endpoint: endpointAt(state, url.pathname),
    method: incoming.method ?? '',
    path: url.pathname,
    headers,
    query: query.form,
    rawBody,
    form: body.form,
    repeated: [...query.repeated, ...body.repeated],
  }
}

function endpointAt({ endpoints }: ProviderState, path: string): LabEndpoint {
  const is = (url: string): boolean => new URL(url).pathname === path
  const isBelow = (url: string): boolean => path.startsWith(`${new URL(url).pathname}/`)
  if (path.includes('/.well-known/oauth-protected-resource')) return 'resource_metadata'
  if (path.includes('/.well-known/')) return 'discovery'
  if (is(endpoints.authorizationEndpoint)) return 'authorize'
  if (is(endpoints.tokenEndpoint) || is(endpoints.refreshEndpoint)) return 'token'
  if (is(endpoints.jwksUri)) return 'jwks'
  if (is(endpoints.userinfoEndpoint)) return 'userinfo'
  if (is(endpoints.revocationEndpoint)) return 'revocation'
  if (is(endpoints.parEndpoint)) return 'par'
  if (path.startsWith(new URL(endpoints.apiUrl).pathname)) return 'api'
  if (is(endpoints.registrationEndpoint) || isBelow(endpoints.registrationEndpoint)) return 'registration'
  return 'other'
}

async function answerTo(state: ProviderState, request: LabRequest): Promise<Answer> {
  switch (request.endpoint) {
    case 'discovery':
      return answerDiscovery(state, request)
    case 'authorize':
      return answerAuthorize(state, request)
    case 'token':
      return saidWith200(state, await answerToken(state, request))
    case 'jwks':
      return answerJwks(state)
    case 'userinfo':
      return answerUserinfo(state, request)
    case 'revocation':
      return answerRevocation(state, request)
    case 'par':
      return answerPar(state, request)
    case 'registration':
      return answerRegistration(state, request)
    case 'api':
      return answerApi(state, request)
    case 'resource_metadata':
      return answerResourceMetadata(state)
    case 'attacker':
    case 'other':
      return oauthError(404, 'not_found', 'no such endpoint')
  }
}
