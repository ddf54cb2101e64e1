import { labelOf } from './credential-fields.js'
import type { StaticProvider } from './provider.js'
import type { ProviderProfile } from './provider-profile.js'
import { optionalFields, requiredFields, strategySchema, type StrategyDefinition } from './strategy.js'

/** Resolves the members of a profile whose credentials a person types in. */
export function staticSettings(
  profile: ProviderProfile,
  authType: StaticProvider['authType'],
): Omit<StaticProvider, 'kind' | 'identity' | 'authType'> {
  const strategy = strategyOf(profile, authType) ?? { type: 'header' as const }
  return {
    strategy,
    credentialSchema: schemaOf(profile) ?? schemaFromStrategy(strategy),
    verificationUrl: profile.verify_credentials === false ? undefined : verificationUrl(profile),
  }
}

/**
 * The strategy of a static provider: `strategy`, else the legacy `params.auth_strategy`, else the one its auth type implies;
 * undefined when the type needs a configuration that the profile does not give.
 */
export function strategyOf(
  profile: ProviderProfile,
  authType: StaticProvider['authType'],
): StrategyDefinition | undefined {
  const given = profile.strategy ?? profile.params?.auth_strategy
  const candidate = given ?? impliedStrategy(profile, authType)
  const parsed = strategySchema.safeParse(candidate)
  return parsed.success ? parsed.data : undefined
}

function impliedStrategy(profile: ProviderProfile, authType: StaticProvider['authType']): unknown {
  const header_name = profile.auth_header ?? 'X-API-Key'
  if (authType === 'api_key') return { type: 'header', config: { header_name, credential_field: 'api_key' } }
  return { type: authType }
}

function schemaOf(profile: ProviderProfile): Readonly<Record<string, unknown>> | undefined {
  const legacy = profile.params?.credential_schema
  if (profile.credential_schema) return profile.credential_schema
  return isSchema(legacy) ? legacy : undefined
}

const isSchema = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function schemaFromStrategy(strategy: StrategyDefinition): Record<string, unknown> {
  const required = requiredFields(strategy)
  const fields = [...required, ...optionalFields(strategy)]
  const isSecret = (field: string): boolean => !['username', 'access_key'].includes(field)
  return {
    type: 'object',
    properties: Object.fromEntries(
      fields.map((field) => [
        field,
        { type: 'string', minLength: 1, title: labelOf(field), ...(isSecret(field) ? { format: 'password' } : {}) },
      ]),
    ),
    required,
    additionalProperties: false,
  }
}

function verificationUrl(profile: ProviderProfile): string | undefined {
  const { api_base_url: base, user_info_endpoint: endpoint } = profile
  if (!base || !endpoint) return undefined
  return `${base.replace(/(?<!\/)\/+$/, '')}/${endpoint.replace(/^\/+/, '')}`
}
