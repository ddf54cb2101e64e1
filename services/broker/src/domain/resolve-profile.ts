import { oauthSettings } from './oauth-settings.js'
import type { Provider, ProviderIdentity } from './provider.js'
import type { ProviderProfile } from './provider-profile.js'
import { staticSettings } from './static-settings.js'

/** Resolves a stored profile. The profile passed `checkProfile` when it was written. */
export function toProvider(identity: ProviderIdentity, profile: ProviderProfile): Provider {
  return profile.auth_type === 'oauth2'
    ? { kind: 'oauth2', identity, ...oauthSettings(profile) }
    : { kind: 'static', identity, authType: profile.auth_type, ...staticSettings(profile, profile.auth_type) }
}
