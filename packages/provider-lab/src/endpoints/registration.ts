import { jsonAnswer, noStore, oauthError, textAnswer, type Answer } from '../answer.js'
import type { RegisteredClient } from '../clients.js'
import { membersOf, parsedJson, readClientMetadata } from '../client-metadata.js'
import type { LabRequest } from '../request.js'
import type { ProviderState } from '../state.js'

const methods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'] as const

/** Registration (RFC 7591) for whoever asks, and a client's own reading and removing of it (RFC 7592). */
export function answerRegistration(state: ProviderState, request: LabRequest): Answer {
  if (state.switches.run('registration.policy', state.settings.registration) === 'off') {
    return oauthError(404, 'not_found', 'this provider registers nobody')
  }
  const path = new URL(state.endpoints.registrationEndpoint).pathname
  return request.path === path ? register(state, request) : manage(state, request, request.path.slice(path.length + 1))
}

function register(state: ProviderState, request: LabRequest): Answer {
  const { switches, clients, random, clock } = state
  const early = switches.run('registration.arrival', undefined)
  if (early) return early
  if (request.method !== 'POST') return oauthError(405, 'invalid_request', 'registration takes POST')
  const document = parsedJson(request.rawBody)
  const read = readClientMetadata(document, { methods, defaultMethod: 'client_secret_basic' })
  if ('error' in read) return oauthError(400, read.error, read.description)
  const needsSecret = read.auth === 'client_secret_basic' || read.auth === 'client_secret_post'
  const client: RegisteredClient = {
    id: `client_${random.hex(8)}`,
    secret: needsSecret ? `secret_${random.hex(16)}` : undefined,
    ...read,
    certificateThumbprint: undefined,
    registrationAccessToken: `reg_${random.hex(16)}`,
    issuedAtSeconds: Math.floor(clock.now() / 1000),
    metadata: Object.fromEntries(membersOf(document) ?? []),
  }
  clients.registered.set(client.id, client)
  return information(state, client, 201)
}

// RFC 7592 section 2.1: whoever has no right token is not told whether there is such a client.
function manage(state: ProviderState, { method, headers }: LabRequest, id: string): Answer {
  const { clients, switches } = state
  const client = clients.registered.get(id)
  if (client === undefined || headers['authorization'] !== `Bearer ${client.registrationAccessToken}`) {
    return jsonAnswer(401, { error: 'invalid_token' }, { 'www-authenticate': 'Bearer error="invalid_token"' })
  }
  switch (method) {
    case 'GET':
      client.secret = switches.run('registration.secret', client.secret)
      return information(state, client, 200)
    case 'DELETE':
      clients.registered.delete(id)
      return textAnswer(204, 'text/plain', '')
    default:
      return oauthError(405, 'invalid_request', 'a registration can be read and removed')
  }
}

/** RFC 7591 section 3.2.1 and RFC 7592 section 3. */
function information({ endpoints }: ProviderState, client: RegisteredClient, status: number): Answer {
  return jsonAnswer(
    status,
    {
      ...client.metadata,
      token_endpoint_auth_method: client.auth,
      client_id: client.id,
      client_id_issued_at: client.issuedAtSeconds,
      ...(client.secret !== undefined && { client_secret: client.secret, client_secret_expires_at: 0 }),
      registration_access_token: client.registrationAccessToken,
      registration_client_uri: `${endpoints.registrationEndpoint}/${client.id}`,
    },
    noStore,
  )
}
