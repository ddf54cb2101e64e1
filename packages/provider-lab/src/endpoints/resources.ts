import { jsonAnswer, noStore, type Answer } from '../answer.js'
import type { AccessToken } from '../grants.js'
import type { JsonObject } from '../jose.js'
import type { LabRequest } from '../request.js'
import type { ProviderState } from '../state.js'
import { refusePossession } from './possession.js'

/** OpenID Connect Core section 5.3: claims of the granted scopes, for a live access token with `openid`. */
export function answerUserinfo(state: ProviderState, request: LabRequest): Answer {
  const token = tokenOf(state, request)
  if ('status' in token) return token
  if (!token.scope.includes('openid')) return bearerError(403, 'insufficient_scope')
  const claims = state.switches.run('userinfo.claims', claimsOf(token))
  return state.switches.run('userinfo.answer', jsonAnswer(200, claims, noStore))
}

/** The protected route: 200 for a live access token or one of the static credentials of the `api` option, else 401. */
export function answerApi(state: ProviderState, request: LabRequest): Answer {
  return withMetadataUrl(state, answerApiCall(state, request))
}

// RFC 9728 section 5.1: a challenge tells where to learn who guards the resource.
function withMetadataUrl({ endpoints }: ProviderState, answer: Answer): Answer {
  const challenge = answer.headers['www-authenticate']
  if (challenge === undefined) return answer
  const pointed = `${challenge}, resource_metadata="${endpoints.resourceMetadataUrl}"`
  return { ...answer, headers: { ...answer.headers, 'www-authenticate': pointed } }
}

function answerApiCall(state: ProviderState, request: LabRequest): Answer {
  const early = state.switches.run('api.arrival', undefined)
  if (early) return early
  const by = staticCredential(state, request)
  if (by) return jsonAnswer(200, { ok: true, by })
  const token = tokenOf(state, request)
  if ('status' in token) return token
  return jsonAnswer(200, { ok: true, by: 'access_token', sub: token.family.subject })
}

function staticCredential({ settings }: ProviderState, { headers, query }: LabRequest): string | undefined {
  const { apiKey, headerName = 'x-api-key', queryName = 'api_key', username, password } = settings.api
  if (apiKey !== undefined) {
    if (headers[headerName.toLowerCase()] === apiKey) return 'header'
    if (headers['authorization'] === `Bearer ${apiKey}`) return 'bearer'
    if (query[queryName] === apiKey) return 'query'
  }
  if (username === undefined && password === undefined) return undefined
  const expected = Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64')
  return headers['authorization'] === `Basic ${expected}` ? 'basic' : undefined
}

// RFC 6750 section 2: one method per request, and never the query string (RFC 9700 section 4.3.2).
function tokenOf(state: ProviderState, request: LabRequest): AccessToken | Answer {
  const { headers, query, form } = request
  const [, scheme, fromHeader] = headers['authorization']?.match(/^(Bearer|DPoP) (.+)$/i) ?? []
  if (query['access_token'] !== undefined) return bearerError(400, 'invalid_request')
  if (fromHeader !== undefined && form['access_token'] !== undefined) return bearerError(400, 'invalid_request')
  const token = state.grants.findLiveAccessToken(fromHeader ?? form['access_token'] ?? '')
  if (token === undefined) return bearerError(401, 'invalid_token')
  const isDpop = scheme?.toLowerCase() === 'dpop'
  return refusePossession(state, request, token, isDpop ? 'dpop' : 'bearer') ?? token
}

export function bearerError(status: number, error: string): Answer {
  return jsonAnswer(status, { error }, { 'www-authenticate': `Bearer error="${error}"` })
}

function claimsOf({ family: { subject }, scope }: AccessToken): JsonObject {
  return {
    sub: subject,
    ...(scope.includes('profile') && { name: `Person ${subject}`, preferred_username: subject }),
    ...(scope.includes('email') && { email: `${subject}@example.test`, email_verified: true }),
    ...(scope.includes('phone') && { phone_number: '+15550100', phone_number_verified: true }),
    ...(scope.includes('address') && { address: { formatted: '1 Lab Street' } }),
  }
}
