import type { OAuthProvider } from './provider.js'

/**
 * Where a provider sends people back to. `per_provider` tells providers apart that send no `iss` (RFC 9700 section 4.4.2.2):
 * a code that arrives at another one's address is not theirs.
 */
export const redirectUriOf = (provider: Pick<OAuthProvider, 'identity' | 'redirectPath'>, shared: string): string =>
  provider.redirectPath === 'per_provider' ? `${shared}/${provider.identity.name}` : shared

/**
 * Whether an answer came to the address it was asked for at. The path tells providers apart; the host is ours either way, and
 * may have changed since (a new BASE_URL while people are at their provider).
 */
export const isSameAddress = (one: string, other: string): boolean => new URL(one).pathname === new URL(other).pathname
