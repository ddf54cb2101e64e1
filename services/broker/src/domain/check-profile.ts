import { ServiceError } from '@dromos/contract'
import { schemaProblems } from './credential-schema.js'
import type { StaticProvider } from './provider.js'
import { type ProviderProfile, providerProfileSchema, secretMembers } from './provider-profile.js'
import { staticSettings, strategyOf } from './static-settings.js'
import { requiredFields } from './strategy.js'

/**
 * Parses a provider profile and checks that its members fit together. `held` says which secrets are stored already, so that
 * a full replacement need not repeat them. Throws `invalid_provider_name` or `invalid_provider` naming every problem;
 * values are never quoted, since a misplaced secret could be one of them.
 */
export function checkProfile(value: unknown, held: { hasSecret: boolean }): ProviderProfile {
  const parsed = providerProfileSchema.safeParse(value)
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'profile'}: ${issue.message}`)
    const isName = parsed.error.issues.some((issue) => issue.path[0] === 'name')
    throw new ServiceError(isName ? 'invalid_provider_name' : 'invalid_provider', problems.join('; '))
  }
  const problems = parsed.data.auth_type === 'oauth2' ? oauthProblems(parsed.data, held) : staticProblems(parsed.data)
  if (problems.length > 0) throw new ServiceError('invalid_provider', problems.join('; '))
  return parsed.data
}

function oauthProblems(profile: ProviderProfile, held: { hasSecret: boolean }): string[] {
  const problems: string[] = []
  if (!profile.client_id) problems.push('client_id: is required for oauth2')
  if (profile.enable_discovery && !profile.issuer) problems.push('issuer: is required with enable_discovery')
  if (!profile.enable_discovery && !profile.auth_url)
    problems.push('auth_url: is required unless enable_discovery is on')
  if (!profile.enable_discovery && !profile.token_url)
    problems.push('token_url: is required unless enable_discovery is on')
  if (profile.client_secret && profile.client_secrets)
    problems.push('client_secrets: give client_secret or client_secrets, not both')
  const hasSecret = held.hasSecret || secretMembers.some((name) => Boolean(profile[name]))
  if (!hasSecret && profile.client_auth !== 'none')
    problems.push('client_secret: is required unless client_auth is "none"')
  if (profile.client_auth === 'private_key_jwt' && !profile.client_private_key && !held.hasSecret)
    problems.push('client_private_key: is required for private_key_jwt')
  if (profile.par === 'required' && !profile.par_url && !profile.enable_discovery)
    problems.push('par_url: is required with par "required" unless enable_discovery is on')
  if (profile.strategy || profile.credential_schema)
    problems.push('strategy, credential_schema: are for static credentials')
  return [...problems, ...clientKeyProblems(profile), ...fapi2Problems(profile), ...variableProblems(profile)]
}

const signingAlgsOf: ReadonlyMap<unknown, readonly unknown[]> = new Map([
  ['RSA', ['RS256', 'PS256']],
  ['EC', ['ES256', 'ES384']],
  ['OKP', ['EdDSA', 'Ed25519']],
])

/** RFC 7523 needs a private key of an algorithm we sign with; a public or symmetric one would only fail later. */
function clientKeyProblems({ client_private_key: key }: ProviderProfile): string[] {
  if (!key) return []
  const algs = signingAlgsOf.get(key['kty'])
  if (algs === undefined || typeof key['d'] !== 'string')
    return ['client_private_key: is no private RSA, EC or OKP key']
  const isKnown = key['alg'] === undefined || algs.includes(key['alg'])
  return isKnown ? [] : [`client_private_key.alg: ${algs.join(' or ')} for this kind of key`]
}

/** FAPI 2.0 section 5.3.3: the shorthand may be tightened, never loosened. */
function fapi2Problems(profile: ProviderProfile): string[] {
  if (profile.security_profile !== 'fapi2') return []
  const loosened: [keyof ProviderProfile, boolean][] = [
    ['par', (profile.par ?? 'required') !== 'required'],
    ['pkce', (profile.pkce ?? 'required') !== 'required'],
    ['dpop', profile.dpop === false],
    ['sends_issuer', profile.sends_issuer === false],
    ['client_auth', (profile.client_auth ?? 'private_key_jwt') !== 'private_key_jwt'],
  ]
  return loosened
    .filter(([, isLoose]) => isLoose)
    .map(([name]) => `${name}: is weaker than security_profile fapi2 allows`)
}

function variableProblems(profile: ProviderProfile): string[] {
  const declared = profile.url_variables ?? {}
  const urls = [
    profile.auth_url,
    profile.token_url,
    profile.refresh_url,
    profile.jwks_url,
    profile.userinfo_url,
    profile.par_url,
    profile.issuer,
    profile.revocation?.url,
  ]
  const used = new Set(
    urls.flatMap((each) => [...(each ?? '').matchAll(/\{([^{}]+)\}/g)].map((match) => match[1] ?? '')),
  )
  const missing = [...used]
    .filter((name) => !(name in declared))
    .map((name) => `url_variables.${name}: is used in a URL but not declared`)
  const broken = Object.entries(declared).filter(([, variable]) => !isPattern(variable.pattern))
  return [...missing, ...broken.map(([name]) => `url_variables.${name}.pattern: is not a regular expression`)]
}

function isPattern(pattern: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`, 'u') instanceof RegExp
  } catch {
    return false
  }
}

const oauthOnly = [
  'client_id',
  'client_secret',
  'client_secrets',
  'client_private_key',
  'auth_url',
  'token_url',
  'issuer',
  'enable_discovery',
] as const

function staticProblems(profile: ProviderProfile): string[] {
  const problems = oauthOnly.filter((name) => Boolean(profile[name])).map((name) => `${name}: is for oauth2 providers`)
  if (profile.auth_type !== 'oauth2' && strategyOf(profile, profile.auth_type) === undefined)
    problems.push(`strategy: ${profile.auth_type} needs a complete strategy (contract: type and config)`)
  if (profile.verify_credentials && !(profile.api_base_url && profile.user_info_endpoint))
    problems.push('verify_credentials: needs api_base_url and user_info_endpoint')
  return problems.length > 0 || profile.auth_type === 'oauth2' ? problems : formProblems(profile, profile.auth_type)
}

// The form follows from the schema and the schema must let a person give what the strategy needs (fault 26).
function formProblems(profile: ProviderProfile, authType: StaticProvider['authType']): string[] {
  const { credentialSchema, strategy } = staticSettings(profile, authType)
  return schemaProblems(credentialSchema, requiredFields(strategy)).map((problem) => `credential_schema: ${problem}`)
}
