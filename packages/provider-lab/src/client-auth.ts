import { oauthError, type Answer } from './answer.js'
import { assertionProblem, assertionType } from './client-assertion.js'
import type { LabClient } from './client.js'
import type { LabRequest } from './request.js'
import type { ClientAuthMethod } from './options.js'
import type { ProviderState } from './state.js'
import { certificateProblem, isTlsAuth } from './tls/client-certificate.js'

type Presented = { method: Exclude<ClientAuthMethod, 'any'>; id: string; secret: string }

/** Client authentication at the token, revocation and PAR endpoints: who it is, or the error answer. */
export async function authenticateClient(state: ProviderState, request: LabRequest): Promise<LabClient | Answer> {
  const basic = parseBasic(request.headers['authorization'])
  const { client_id: bodyId, client_secret: bodySecret } = request.form
  if (request.headers['authorization'] !== undefined) {
    if (!basic) return invalidClient('malformed Authorization header')
    // RFC 6749 section 2.3: not more than one method in a request.
    if (bodySecret !== undefined) return oauthError(400, 'invalid_request', 'two client authentication methods')
    if (bodyId !== undefined && bodyId !== basic.id) return invalidClient('client_id differs from the Basic user')
  }
  const presented = basic ?? asserted(request) ?? fromBody(bodyId, bodySecret)
  const found = await state.clients.find(presented.id)
  if ('problem' in found) return invalidClient(found.problem)
  const problem = mismatch(state, request, found.client, presented)
  return problem === undefined ? found.client : invalidClient(problem)
}

/** What is wrong, or undefined. */
function mismatch(
  state: ProviderState,
  request: LabRequest,
  client: LabClient,
  presented: Presented,
): string | undefined {
  const expected = state.switches.run('client.method', client.auth)
  // RFC 8705 section 2: the certificate stands in for the secret.
  if (isTlsAuth(expected) && presented.method === 'none') {
    return certificateProblem(expected, client, request.certificate)
  }
  const accepted = expected === 'any' ? presented.method !== 'none' : presented.method === expected
  if (!accepted) return `authentication method ${presented.method}, expected ${expected}`
  if (presented.method === 'private_key_jwt') {
    const problem = assertionProblem(state, client, presented.secret)
    return problem && `client assertion: ${problem}`
  }
  if (presented.method !== 'none' && presented.secret !== client.secret) return 'wrong secret'
  return undefined
}

function asserted({ form }: LabRequest): Presented | undefined {
  const { client_assertion: assertion, client_assertion_type: type, client_id: id } = form
  if (assertion === undefined || type !== assertionType) return undefined
  return { method: 'private_key_jwt', id: id ?? '', secret: assertion }
}

function fromBody(id: string | undefined, secret: string | undefined): Presented {
  if (secret === undefined) return { method: 'none', id: id ?? '', secret: '' }
  return { method: 'client_secret_post', id: id ?? '', secret }
}

// RFC 6749 section 2.3.1: id and secret are form-encoded before they are joined and base64-encoded.
function parseBasic(header: string | undefined): Presented | undefined {
  const encoded = header?.match(/^Basic ([A-Za-z0-9+/]+=*)$/i)?.[1]
  if (!encoded) return undefined
  const [id, secret, ...rest] = Buffer.from(encoded, 'base64').toString('utf8').split(':')
  if (id === undefined || secret === undefined || rest.length > 0) return undefined
  try {
    return { method: 'client_secret_basic', id: formDecode(id), secret: formDecode(secret) }
  } catch {
    return undefined
  }
}

const formDecode = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '))

// RFC 6749 section 5.2: 401 must name the scheme when the client used the Authorization header.
function invalidClient(description: string): Answer {
  const answer = oauthError(401, 'invalid_client', description)
  return { ...answer, headers: { ...answer.headers, 'www-authenticate': 'Basic realm="lab"' } }
}
