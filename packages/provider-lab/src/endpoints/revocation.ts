import { oauthError, textAnswer, type Answer } from '../answer.js'
import { authenticateClient } from '../client-auth.js'
import { revokeToken } from '../grants.js'
import type { LabRequest } from '../request.js'
import type { ProviderState } from '../state.js'

/** RFC 7009: an unknown token is a success too. Revoking a refresh token, of any generation, ends its family. */
export async function answerRevocation(state: ProviderState, request: LabRequest): Promise<Answer> {
  const family = state.grants.findRefreshToken(request.form['token'] ?? '')
  const early = state.switches.run('revocation.arrival', undefined, { form: request.form, family })
  if (early) return early
  if (request.method !== 'POST') return oauthError(405, 'invalid_request', 'the revocation endpoint takes POST')
  const client = await authenticateClient(state, request)
  if ('status' in client) return client
  const token = request.form['token']
  if (token === undefined) return oauthError(400, 'invalid_request', 'token is missing')
  if (family !== undefined && family.clientId !== client.id) {
    return oauthError(400, 'invalid_request', 'issued to another client')
  }
  revokeToken(state.grants, token)
  return textAnswer(200, 'text/plain', '')
}
