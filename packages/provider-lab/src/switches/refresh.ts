import { jsonAnswer, oauthError, type Answer } from '../answer.js'
import type { JsonObject } from '../jose.js'
import type { Effect, SwitchFacts, SwitchFamily } from './points.js'
import { numberOr } from './value.js'

const end: Effect<'refresh.family'> = (family) => {
  family.alive = false
  return family
}

/** The grant is really over at the provider, so the oracle agrees with the answer. */
const endsWith = (status: number, body: JsonObject) => ({
  'refresh.family': end,
  'refresh.refusal': () => jsonAnswer(status, body),
})

const windowMs = 600_000

export const refreshSwitches = {
  'tok.no_refresh_token': {
    does: 'the token answer has no refresh_token; the held one stays valid (RFC 6749 section 6)',
    at: { 'token.plan': () => 'omitted' },
  },
  'tok.same_refresh_token': {
    does: 'the refresh answer repeats the held refresh_token and does not rotate',
    at: { 'token.plan': () => 'same' },
  },
  'rt.rotate_strict': {
    does: 'every refresh rotates and the predecessor is dead at once',
    at: { 'refresh.policy': (policy) => ({ ...policy, mode: 'rotating', graceMs: 0 }) },
  },
  'rt.rotate_grace': {
    does: 'every refresh rotates; the immediate predecessor works for value ms more, default 30,000',
    at: {
      'refresh.policy': (policy, { value }) => ({ ...policy, mode: 'rotating', graceMs: numberOr(value, 30_000) }),
    },
  },
  'rt.family_revoke_on_reuse': {
    does: 'reuse ends the family; value false: reuse is only refused',
    at: { 'refresh.policy': (policy, { value }) => ({ ...policy, revokesFamilyOnReuse: value !== false }) },
  },
  'rt.kills_old_at': {
    does: 'a refresh ends the access tokens issued before it',
    at: { 'refresh.policy': (policy) => ({ ...policy, killsOldAccessToken: true }) },
  },

  'rt.revoked_by_user': {
    does: 'the person removed the grant: 400 invalid_grant',
    at: endsWith(400, { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' }),
  },
  'rt.expired_idle': {
    does: 'the refresh token was idle too long: 400 invalid_grant',
    at: endsWith(400, { error: 'invalid_grant', error_description: 'The refresh token is expired.' }),
  },
  'rt.403_invalid_grant': {
    does: 'Atlassian: the grant is over, said with 403 and unauthorized_client',
    at: endsWith(403, { error: 'unauthorized_client', error_description: 'refresh_token is invalid' }),
  },
  'rt.aadsts': {
    does: 'Microsoft Entra: the grant is over, AADSTS700082',
    at: endsWith(400, {
      error: 'invalid_grant',
      error_description: 'AADSTS700082: The refresh token has expired due to inactivity.',
      error_codes: [700082],
      suberror: 'bad_token',
    }),
  },
  'rt.invalid_rapt': {
    does: 'Google Workspace: the person must sign in again, invalid_rapt',
    at: endsWith(400, {
      error: 'invalid_grant',
      error_description: 'reauth related error (invalid_rapt)',
      error_subtype: 'invalid_rapt',
    }),
  },

  'rt.rate_10_per_10min': {
    does: 'Zoho: refused above value (default 10) refreshes per family in 10 minutes',
    only: 'refresh_token',
    at: { 'token.arrival': (answer, facts) => (overRate(facts) ? tooMany() : answer) },
  },
  'rt.scope_required': {
    does: 'a refresh without scope is refused',
    only: 'refresh_token',
    at: { 'token.arrival': (answer, { form }) => answer ?? unless(form['scope'] !== undefined, 'scope is required') },
  },
  'rt.scope_forbidden': {
    does: 'a refresh with scope is refused',
    only: 'refresh_token',
    at: { 'token.arrival': (answer, { form }) => answer ?? unless(form['scope'] === undefined, 'scope not allowed') },
  },
  'rt.redirect_uri_required': {
    does: 'GitLab: a refresh without redirect_uri is refused',
    only: 'refresh_token',
    at: {
      'token.arrival': (answer, { form }) =>
        answer ?? unless(form['redirect_uri'] !== undefined, 'redirect_uri missing'),
    },
  },
} satisfies SwitchFamily

function overRate({ family, nowMs, value }: SwitchFacts): boolean {
  const recent = family?.refreshedAtMs.filter((at) => nowMs() - at < windowMs) ?? []
  return recent.length >= numberOr(value, 10)
}

const tooMany = (): Answer =>
  jsonAnswer(400, {
    error: 'Access Denied',
    error_description: 'You have made too many requests continuously. Please try again after some time.',
  })

const unless = (fine: boolean, description: string): Answer | undefined =>
  fine ? undefined : oauthError(400, 'invalid_request', description)
