// Owns the token endpoint as one numbered pipeline. Does not know how an answer is cut, delayed or reset on the wire.
import { createHash } from 'node:crypto'
import { jsonAnswer, noStore, oauthError, type Answer } from '../answer.js'
import { authenticateClient } from '../client-auth.js'
import type { AuthorizationCode } from '../grants.js'
import { mintTokens } from '../mint.js'
import type { LabRequest } from '../request.js'
import type { ProviderState } from '../state.js'
import type { GrantType } from '../switches/points.js'
import type { GrantDecision, TokenRequest } from './grant-decision.js'
import { keyAtTokenEndpoint } from './possession.js'
import { redeemRefreshToken } from './refresh-grant.js'

export async function answerToken(state: ProviderState, request: LabRequest): Promise<Answer> {
  const { form } = request
  const grant = grantTypeOf(form['grant_type'])

  // 1. A canned reply stands in for the whole provider: nothing is checked or rotated.
  const canned = state.cannedReplies.shift()
  if (canned) return canned

  // 2. Faults before any processing.
  const family = state.grants.findRefreshToken(form['refresh_token'] ?? '')
  const early = state.switches.run('token.arrival', undefined, { grant, form, family })
  if (early) return early

  // 3. The request itself, 4. who sends it.
  const refusal = refuseShape(state, request)
  if (refusal) return refusal
  const client = await authenticateClient(state, request)
  if ('status' in client) return client
  if (!grant) return oauthError(400, 'unsupported_grant_type', 'authorization_code or refresh_token')

  const key = keyAtTokenEndpoint(state, request)
  if ('status' in key) return key

  // 5. The grant. Two requests held here race for the same token.
  await state.holds.pass('before-rotate')
  const redeem = grant === 'authorization_code' ? redeemCode : redeemRefreshToken
  const decision = redeem(state, { form, client, thumbprint: key.thumbprint })
  if ('status' in decision) return decision

  // 6. Mint, then spoil content and transport.
  const accept = request.headers['accept'] ?? ''
  const circumstances = { grant, form, family: decision.mint.family, accept }
  const body = state.switches.run(
    'token.body',
    mintTokens(state, { ...decision.mint, dpopThumbprint: key.thumbprint }, decision.plan),
    circumstances,
  )
  await state.holds.pass('after-rotate')
  return state.switches.run('token.answer', jsonAnswer(200, body, noStore), circumstances)
}

function grantTypeOf(value: string | undefined): GrantType | undefined {
  return value === 'authorization_code' || value === 'refresh_token' ? value : undefined
}

function refuseShape({ endpoints }: ProviderState, request: LabRequest): Answer | undefined {
  const { form, repeated, query } = request
  if (request.method !== 'POST') return oauthError(405, 'invalid_request', 'the token endpoint takes POST')
  if (repeated.length > 0) return oauthError(400, 'invalid_request', `repeated parameter ${repeated.join(', ')}`)
  // RFC 6749 section 2.3.1: credentials never travel in the URL.
  if (Object.keys(query).length > 0) return oauthError(400, 'invalid_request', 'parameters belong in the body')
  if (form['grant_type'] === undefined) return oauthError(400, 'invalid_request', 'grant_type is missing')
  const onRefreshUrl = endpoints.refreshEndpoint.endsWith(request.path)
  if (onRefreshUrl && form['grant_type'] !== 'refresh_token') {
    return oauthError(400, 'unsupported_grant_type', 'this URL only refreshes')
  }
  return undefined
}

// RFC 6749 section 4.1.3 and RFC 7636 section 4.6.
function redeemCode(state: ProviderState, { form, client, thumbprint }: TokenRequest): GrantDecision {
  const code = state.grants.findCode(form['code'] ?? '')
  if (!code) return oauthError(400, 'invalid_grant', 'unknown code')
  if (code.clientId !== client.id) return oauthError(400, 'invalid_grant', 'code issued to another client')
  if (code.family) {
    // RFC 6749 section 4.1.2: a second use revokes what the first one gave.
    code.family.alive = false
    return oauthError(400, 'invalid_grant', 'code already used')
  }
  if (code.expiresAtMs <= state.clock.now()) return oauthError(400, 'invalid_grant', 'code expired')
  if (form['redirect_uri'] !== code.redirectUri) return oauthError(400, 'invalid_grant', 'redirect_uri differs')
  const ignoresVerifier = state.settings.pkce === 'ignored'
  if (!ignoresVerifier && !verifierMatches(code, form['code_verifier']))
    return oauthError(400, 'invalid_grant', 'code_verifier is wrong')

  // RFC 9449 section 10.
  if (code.dpopThumbprint !== undefined && code.dpopThumbprint !== thumbprint)
    return oauthError(400, 'invalid_grant', 'dpop_jkt differs')

  code.family = state.grants.startFamily(client.id, code.subject, code.scope)
  if (client.auth === 'none') code.family.dpopThumbprint = thumbprint
  const { family, scope, nonce } = code
  const plan = state.switches.run('token.plan', 'new', { grant: 'authorization_code', form, family })
  return {
    mint: { grant: 'authorization_code', family, scope, nonce, form },
    plan: plan === 'same' ? 'new' : plan,
  }
}

// RFC 9700 section 2.1.1: a verifier for a code without challenge is refused, or PKCE could be stripped.
function verifierMatches({ codeChallenge }: AuthorizationCode, verifier: string | undefined): boolean {
  if (codeChallenge === undefined || verifier === undefined) return codeChallenge === verifier
  return createHash('sha256').update(verifier).digest('base64url') === codeChallenge
}
