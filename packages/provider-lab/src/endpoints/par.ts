import { jsonAnswer, noStore, oauthError, type Answer } from '../answer.js'
import { authenticateClient } from '../client-auth.js'
import type { LabRequest } from '../request.js'
import type { ProviderState } from '../state.js'

const lifetimeSeconds = 60

/** RFC 9126 section 2: an authenticated client leaves its authorization request here and gets a reference to it. */
export async function answerPar(state: ProviderState, request: LabRequest): Promise<Answer> {
  const { settings, switches, pushed, random, clock } = state
  const early = switches.run('par.arrival', undefined, { form: request.form })
  if (early) return early
  if (settings.par === 'off') return oauthError(404, 'not_found', 'this provider takes no pushed requests')
  if (request.method !== 'POST') return oauthError(405, 'invalid_request', 'the endpoint takes POST')
  if (request.repeated.length > 0) return oauthError(400, 'invalid_request', 'repeated parameter')
  const client = await authenticateClient(state, request)
  if ('status' in client) return client
  // Section 2.1: a reference to a reference is none.
  if (request.form['request_uri'] !== undefined) return oauthError(400, 'invalid_request', 'request_uri')
  const uri = `urn:ietf:params:oauth:request_uri:${random.hex(16)}`
  pushed.set(uri, { params: { ...request.form }, expiresAtMs: clock.now() + lifetimeSeconds * 1000 })
  return jsonAnswer(201, { request_uri: uri, expires_in: lifetimeSeconds }, noStore)
}

/** What a reference stands for: it works once and for a minute (section 4). */
export function takePushed({ pushed, clock }: ProviderState, uri: string): Record<string, string> | undefined {
  const found = pushed.get(uri)
  pushed.delete(uri)
  return found !== undefined && found.expiresAtMs > clock.now() ? found.params : undefined
}
