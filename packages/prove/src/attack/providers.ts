import type { LabProviderOptions, LabSwitch } from 'dromos-lab'

// Owns the providers of a run: the ways of real ones, as data. Does not own how they misbehave: hostile-lab-main.ts.

export type ProviderKind = {
  name: string
  lab: LabProviderOptions
  /** On in the quiet too: the way this provider is. */
  always: readonly LabSwitch[]
  scopes: readonly string[]
  widerScopes: readonly string[]
  /** What its profile says besides its endpoints. */
  profile: object
  /** A replaced refresh token that comes back is reuse, or will be. */
  rotates: boolean
}

/** Short enough that every connection is refreshed about once a minute: a broker counts the last 30 s as over. */
const accessTokenSeconds = 90

const plain = { scopes: ['api', 'read'], widerScopes: ['write'], always: [] } as const
const strict = { mode: 'rotating', graceMs: 0 } as const

export const providerKinds: readonly ProviderKind[] = [
  {
    ...plain,
    name: 'strict',
    lab: { oidc: false, accessTokenSeconds, refresh: strict },
    profile: { refresh_policy: { mode: 'rotates' } },
    rotates: true,
  },
  {
    ...plain,
    name: 'grace',
    lab: { oidc: false, accessTokenSeconds, refresh: { mode: 'rotating', graceMs: 30_000 } },
    profile: { refresh_policy: { mode: 'rotates', grace_seconds: 30 }, refresh_schedule: 'proactive' },
    rotates: true,
  },
  {
    ...plain,
    name: 'stable',
    lab: { oidc: false, accessTokenSeconds, refresh: { mode: 'stable', omitWhenStable: true } },
    profile: { refresh_policy: { mode: 'stable' } },
    rotates: false,
  },
  {
    ...plain,
    name: 'kills-old',
    lab: { oidc: false, accessTokenSeconds, refresh: { ...strict, killsOldAccessToken: true } },
    profile: { refresh_policy: { mode: 'rotates', kills_access_token: true } },
    rotates: true,
  },
  {
    ...plain,
    name: 'no-expiry',
    lab: { oidc: false, accessTokenSeconds: 86_400, refresh: { mode: 'stable' } },
    always: ['tok.no_expires_in'],
    profile: { refresh_policy: { mode: 'stable' } },
    rotates: false,
  },
  {
    name: 'openid',
    lab: { accessTokenSeconds, refresh: { mode: 'rotating', graceMs: 30_000 } },
    always: [],
    scopes: ['openid', 'email'],
    widerScopes: ['profile'],
    profile: { enable_discovery: true, refresh_policy: { mode: 'rotates', grace_seconds: 30 } },
    rotates: true,
  },
]
