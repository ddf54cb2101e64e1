import { oauthError, textAnswer, type Answer } from '../answer.js'
import { refuseClient } from '../client-auth.js'
import { revokeToken } from '../grants.js'
import type { LabRequest } from '../request.js'
import type { ProviderState } from '../state.js'

/** RFC 7009: an unknown token is a success too. Revoking a refresh token, of any generation, ends its family. */
export function answerRevocation(state: ProviderState, request: LabRequest): Answer {
  const family = state.grants.findRefreshToken(request.form['token'] ?? '')
  const early = state.switches.run('revocation.arrival', undefined, { form: request.form, family })
  if (early) return early
  if (request.method !== 'POST') return oauthError(405, 'invalid_request', 'the revocation endpoint takes POST')
  const refusal = refuseClient(state, request)
  if (refusal) return refusal
  const token = request.form['token']
  if (token === undefined) return oauthError(400, 'invalid_request', 'token is missing')
  revokeToken(state.grants, token)
  return textAnswer(200, 'text/plain', '')
}
