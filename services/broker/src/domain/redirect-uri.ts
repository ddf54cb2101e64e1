import type { OAuthProvider } from './provider.js'

/**
 * Where a provider sends people back to. `per_provider` tells providers apart that send no `iss` (RFC 9700 section 4.4.2.2):
 * a code that arrives at another one's address is not theirs.
 */
export const redirectUriOf = (provider: Pick<OAuthProvider, 'identity' | 'redirectPath'>, shared: string): string =>
  provider.redirectPath === 'per_provider' ? `${shared}/${provider.identity.name}` : shared
