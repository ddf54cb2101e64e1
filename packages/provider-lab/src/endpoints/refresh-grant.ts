import { oauthError } from '../answer.js'
import type { ProviderState } from '../state.js'
import type { GrantDecision, TokenRequest } from './grant-decision.js'

/** RFC 6749 section 6, with the provider's rotation policy. */
export function redeemRefreshToken(state: ProviderState, { form, client, thumbprint }: TokenRequest): GrantDecision {
  const { grants, switches, settings, clock } = state
  const token = form['refresh_token']
  if (token === undefined) return oauthError(400, 'invalid_request', 'refresh_token is missing')
  const known = grants.findRefreshToken(token)
  // RFC 6749 section 6: a refresh token is bound to its client.
  if (known !== undefined && known.clientId !== client.id)
    return oauthError(400, 'invalid_grant', 'issued to another client')
  // RFC 9449 section 5: a public client's refresh token is bound to its key.
  if (known?.dpopThumbprint !== undefined && known.dpopThumbprint !== thumbprint)
    return oauthError(400, 'invalid_grant', 'another key')
  const circumstances = { grant: 'refresh_token' as const, form, family: known }
  if (known) switches.run('refresh.family', known, circumstances)

  const policy = switches.run('refresh.policy', settings.refresh, circumstances)
  const { outcome, family } = grants.present(token, policy)
  if (outcome !== 'current' && outcome !== 'retried') {
    const refused = oauthError(settings.invalidGrantStatus, 'invalid_grant', `refresh token ${outcome}`)
    return switches.run('refresh.refusal', refused, circumstances)
  }
  const scope = form['scope']?.split(settings.scopeSeparator).filter((entry) => entry !== '') ?? family.scope
  if (!scope.every((entry) => family.scope.includes(entry))) {
    return oauthError(400, 'invalid_scope', 'wider than granted')
  }

  if (policy.killsOldAccessToken) grants.killAccessTokens(family)
  family.refreshedAtMs.push(clock.now())
  const stable = policy.omitWhenStable ? 'omitted' : 'same'
  const plan = switches.run('token.plan', policy.mode === 'stable' ? stable : 'new', circumstances)
  return {
    mint: { grant: 'refresh_token', family, scope, nonce: undefined, form },
    // Inside the grace period the loser of a race gets the successor again, not a fork of the family.
    plan: outcome === 'retried' ? 'same' : plan,
  }
}
