import { jsonAnswer, oauthError, type Answer } from '../answer.js'
import type { AccessToken } from '../grants.js'
import type { LabRequest } from '../request.js'
import type { ProviderState } from '../state.js'

const urlOf = ({ endpoints }: ProviderState, { path }: LabRequest): string => new URL(path, endpoints.issuer).href

const withNonce = (answer: Answer, nonce: string | undefined): Answer =>
  nonce === undefined ? answer : { ...answer, headers: { ...answer.headers, 'dpop-nonce': nonce } }

/** RFC 9449 section 5 and 8: the key to bind what is minted to, undefined for a bearer token; or the refusal. */
export function keyAtTokenEndpoint(
  state: ProviderState,
  request: LabRequest,
): { thumbprint: string | undefined } | Answer {
  const { settings, switches, judgeProof } = state
  if (settings.dpop === 'off') return { thumbprint: undefined }
  const nonce = request.headers['dpop'] === undefined ? undefined : switches.run('token.dpop_nonce', undefined)
  const verdict = judgeProof(request, { url: urlOf(state, request), nonce })
  if (verdict.kind === 'proof') return { thumbprint: verdict.thumbprint }
  if (verdict.kind !== 'none') return withNonce(oauthError(400, verdict.kind, 'the DPoP proof'), nonce)
  return settings.dpop === 'required'
    ? oauthError(400, 'invalid_dpop_proof', 'a DPoP proof is required')
    : { thumbprint: undefined }
}

/** RFC 9449 section 7: a bound token needs its key and the DPoP scheme. Answers the refusal, or undefined. */
export function refusePossession(
  state: ProviderState,
  request: LabRequest,
  token: AccessToken,
  scheme: 'dpop' | 'bearer',
): Answer | undefined {
  const bound = token.dpopThumbprint
  if (bound === undefined && scheme === 'bearer') return undefined
  if (scheme === 'bearer') return challenge(state, 'invalid_token', undefined)
  const nonce = state.switches.run('resource.dpop_nonce', undefined)
  const verdict = state.judgeProof(request, { url: urlOf(state, request), accessToken: token.value, nonce })
  if (verdict.kind === 'proof')
    return verdict.thumbprint === bound ? undefined : challenge(state, 'invalid_token', nonce)
  return challenge(state, verdict.kind === 'none' ? 'invalid_dpop_proof' : verdict.kind, nonce)
}

function challenge(state: ProviderState, error: string, nonce: string | undefined): Answer {
  const scheme = state.switches.run('resource.dpop_scheme', 'DPoP')
  const header = { 'www-authenticate': `${scheme} error="${error}", algs="ES256"` }
  return withNonce(jsonAnswer(401, { error }, header), nonce)
}
