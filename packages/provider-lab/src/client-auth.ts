import { oauthError, type Answer } from './answer.js'
import { assertionProblem, assertionType } from './client-assertion.js'
import type { LabRequest } from './request.js'
import type { ClientAuthMethod } from './options.js'
import type { ProviderState } from './state.js'

type Presented = { method: Exclude<ClientAuthMethod, 'any'>; id: string; secret: string }

/** Client authentication at the token and revocation endpoints. Returns the error answer, or undefined when it is right. */
export function refuseClient(state: ProviderState, request: LabRequest): Answer | undefined {
  const basic = parseBasic(request.headers['authorization'])
  const { client_id: bodyId, client_secret: bodySecret } = request.form
  if (request.headers['authorization'] !== undefined) {
    if (!basic) return invalidClient('malformed Authorization header')
    // RFC 6749 section 2.3: not more than one method in a request.
    if (bodySecret !== undefined) return oauthError(400, 'invalid_request', 'two client authentication methods')
    if (bodyId !== undefined && bodyId !== basic.id) return invalidClient('client_id differs from the Basic user')
  }
  const presented = basic ?? asserted(request) ?? fromBody(bodyId, bodySecret)
  return mismatch(state, presented)
}

function mismatch(state: ProviderState, presented: Presented): Answer | undefined {
  const { settings, switches } = state
  const expected = switches.run('client.method', settings.clientAuth)
  const accepted = expected === 'any' ? presented.method !== 'none' : presented.method === expected
  if (!accepted) return invalidClient(`authentication method ${presented.method}, expected ${expected}`)
  if (presented.id !== settings.clientId) return invalidClient('unknown client')
  if (presented.method === 'private_key_jwt') {
    const problem = assertionProblem(state, presented.secret)
    return problem === undefined ? undefined : invalidClient(`client assertion: ${problem}`)
  }
  if (presented.method !== 'none' && presented.secret !== settings.clientSecret) return invalidClient('wrong secret')
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
