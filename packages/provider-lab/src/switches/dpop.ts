import { oauthError, textAnswer } from '../answer.js'
import type { SwitchFamily } from './points.js'
import { withStatus } from './spoil.js'
import { textOr } from './value.js'

export const parSwitches = {
  'par.refused': {
    does: 'not processed: 400 with the error in value, default invalid_request',
    at: { 'par.arrival': (_answer, { value }) => oauthError(400, textOr(value, 'invalid_request'), 'the lab says no') },
  },
  'par.5xx': {
    does: 'an HTML page with status 503',
    at: { 'par.arrival': (_answer, facts) => withStatus(503)(textAnswer(503, 'text/html', ''), facts) },
  },
} satisfies SwitchFamily

export const dpopSwitches = {
  'tok.dpop_nonce': {
    does: 'proofs at the token endpoint must carry a nonce; value, default as-nonce-1',
    at: { 'token.dpop_nonce': (_nonce, { value }) => textOr(value, 'as-nonce-1') },
  },
  'tok.token_type_dpop_downgrade': {
    does: 'token_type Bearer although a proof was sent',
    at: { 'token.body': (body) => ({ ...body, token_type: 'Bearer' }) },
  },
  'rs.dpop_nonce': {
    does: 'proofs at userinfo and the API must carry a nonce; value, default rs-nonce-1',
    at: { 'resource.dpop_nonce': (_nonce, { value }) => textOr(value, 'rs-nonce-1') },
  },
  'rs.dpop_scheme_case': {
    does: 'valid: challenges say dPoP',
    at: { 'resource.dpop_scheme': () => 'dPoP' },
  },
} satisfies SwitchFamily
