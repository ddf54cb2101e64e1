import type { ClientAuthentication, ConfiguredEndpoints, OAuthProvider, RefreshPolicy } from './provider.js'
import type { ProviderProfile } from './provider-profile.js'

const legacyNames = new Set(['credential_schema', 'auth_strategy', 'skip_scope_on_exchange', 'skip_scope_on_auth'])

/** Resolves the OAuth members of a profile, legacy `params` and `auth_header` included. */
export function oauthSettings(profile: ProviderProfile): Omit<OAuthProvider, 'kind' | 'identity'> {
  const response = profile.response ?? {}
  const error = profile.error_in_200
  const isFapi2 = profile.security_profile === 'fapi2'
  return {
    clientId: profile.client_id ?? '',
    clientAuthentication: clientAuthentication(profile),
    endpoints: configuredEndpoints(profile),
    urlVariables: Object.entries(profile.url_variables ?? {}).map(([name, variable]) => ({
      name,
      title: variable.title,
      description: variable.description ?? undefined,
      pattern: variable.pattern,
      example: variable.example ?? undefined,
    })),
    scopes: scopeSettings(profile),
    parameters: {
      authorize: { ...legacyParameters(profile), ...profile.authorize_params },
      token: profile.token_params ?? {},
      refresh: profile.refresh_params ?? {},
    },
    redirectUriOnRefresh: profile.redirect_uri_on_refresh ?? false,
    bodyFormat: profile.body_format ?? 'form',
    pkce: profile.pkce ?? (isFapi2 ? 'required' : 'on'),
    par: profile.par ?? (isFapi2 ? 'required' : 'when_advertised'),
    usesDpop: profile.dpop ?? isFapi2,
    redirectPath: profile.redirect_path ?? 'shared',
    answer: {
      paths: {
        accessToken: response.access_token ?? undefined,
        refreshToken: response.refresh_token ?? undefined,
        scope: response.scope ?? undefined,
        expiresIn: response.expires_in ?? undefined,
      },
      errorIn200: error
        ? { member: error.member, equals: error.equals ?? undefined, error: error.error ?? undefined }
        : undefined,
      defaultExpiresInSeconds: profile.default_expires_in_seconds ?? undefined,
    },
    refreshPolicy: refreshPolicy(profile),
    refreshSchedule: profile.refresh_schedule ?? 'proactive',
    deadGrantErrors: profile.dead_grant_errors ?? [],
    revocationStyle: {
      style: profile.revocation?.style ?? 'rfc7009',
      token: profile.revocation?.token ?? 'refresh_token',
    },
    userinfo: profile.userinfo ?? 'on',
    idToken: {
      nonce: profile.id_token?.nonce ?? 'required',
      issuerTemplate: profile.id_token?.issuer_template ?? undefined,
      maxLoginAgeSeconds: profile.id_token?.max_login_age_seconds ?? 600,
      signingAlgs: profile.id_token?.signing_algs ?? (isFapi2 ? fapi2Algs : everyAlg),
    },
  }
}

const everyAlg = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] as const
const fapi2Algs = ['PS256', 'ES256', 'EdDSA'] as const // FAPI 2.0 section 5.4.1

function clientAuthentication(profile: ProviderProfile): ClientAuthentication | undefined {
  if (profile.client_auth) return profile.client_auth
  if (profile.client_private_key || profile.security_profile === 'fapi2') return 'private_key_jwt'
  if (!profile.auth_header) return undefined
  const isBasic = profile.auth_header === 'client_secret_basic' || profile.auth_header.toLowerCase() === 'basic'
  return isBasic ? 'client_secret_basic' : 'client_secret_post'
}

const configuredEndpoints = (profile: ProviderProfile): ConfiguredEndpoints => ({
  issuer: profile.issuer ?? undefined,
  discovers: profile.enable_discovery ?? false,
  authorization: profile.auth_url ?? undefined,
  token: profile.token_url ?? undefined,
  refresh: profile.refresh_url ?? undefined,
  jwks: profile.jwks_url ?? undefined,
  userinfo: profile.userinfo_url ?? undefined,
  revocation: profile.revocation?.url,
  par: profile.par_url ?? undefined,
  sendsIssuer: profile.sends_issuer ?? (profile.security_profile === 'fapi2' ? true : undefined),
})

const scopeSettings = (profile: ProviderProfile): OAuthProvider['scopes'] => ({
  byDefault: profile.default_scopes ?? profile.scopes ?? [],
  allowed: profile.allowed_scopes ?? undefined,
  separator: profile.scope_separator ?? ' ',
  parameter: profile.scope_parameter ?? 'scope',
  onAuthorize: profile.scope_on_authorize ?? profile.params?.skip_scope_on_auth !== true,
  onExchange: profile.scope_on_exchange ?? false,
  onRefresh: profile.scope_on_refresh ?? false,
})

const legacyParameters = (profile: ProviderProfile): Record<string, string> =>
  Object.fromEntries(
    Object.entries(profile.params ?? {}).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string' && !legacyNames.has(entry[0]),
    ),
  )

function refreshPolicy(profile: ProviderProfile): RefreshPolicy {
  const policy = profile.refresh_policy
  return {
    mode: policy?.mode ?? 'unknown',
    graceMs: (policy?.grace_seconds ?? 0) * 1000,
    killsAccessToken: policy?.kills_access_token ?? false,
    idleLimitSeconds: policy?.idle_limit_seconds ?? undefined,
    absoluteLimitSeconds: policy?.absolute_limit_seconds ?? undefined,
  }
}
