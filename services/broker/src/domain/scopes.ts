import { ServiceError } from '@dromos/contract'
import type { OAuthProvider } from './provider.js'

/**
 * The scopes to ask for: the caller's, else the provider's defaults. Throws `scope_not_allowed` naming what the provider's
 * `allowed_scopes` lack (ASVS 10.2.3: ask only for what is needed).
 */
export function scopesToRequest(provider: OAuthProvider, asked: readonly string[] | undefined): readonly string[] {
  const scopes = [...new Set(asked === undefined || asked.length === 0 ? provider.scopes.byDefault : asked)]
  const refused = scopes.filter((scope) => provider.scopes.allowed?.includes(scope) === false)
  if (refused.length > 0)
    throw new ServiceError('scope_not_allowed', `the provider does not allow: ${refused.join(' ')}`)
  return scopes
}

/** How many scopes were granted that nobody asked for: their names are the provider's text and go into no event. */
export const countExtraScopes = (asked: readonly string[], granted: string | undefined): number =>
  (granted?.split(/[\s,]+/) ?? []).filter((scope) => scope !== '' && !asked.includes(scope)).length

/** Scopes that were asked for and not granted; empty when the provider does not say what it granted. */
export function missingScopes(asked: readonly string[], granted: string | undefined): string[] {
  if (granted === undefined) return []
  const given = new Set(granted.split(/[\s,]+/))
  return asked.filter((scope) => !given.has(scope) && scope !== 'offline_access' && scope !== 'openid')
}
