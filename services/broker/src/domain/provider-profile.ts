import * as z from 'zod'
import { strategySchema } from './strategy.js'

// Owns the wire shape of a provider profile: what POST, PUT and PATCH accept and GET gives back. An unknown field is an
// error. Does not own its meaning: domain/provider.ts resolves a profile into the typed provider the flows use.

export const schedulePolicies = ['on_demand', 'keep_alive', 'proactive'] as const

export const authTypes = [
  'oauth2',
  'api_key',
  'basic_auth',
  'header',
  'query_param',
  'hmac_payload',
  'aws_sigv4',
] as const

/** Authorization request parameters that only we set (A15): a profile cannot replace them. */
export const reservedParameters = new Set([
  'response_type', 'response_mode', 'client_id', 'client_secret', 'redirect_uri', 'state', 'nonce', 'code_challenge',
  'code_challenge_method', 'code', 'code_verifier', 'grant_type', 'refresh_token', 'request', 'request_uri',
  'client_assertion', 'client_assertion_type', 'dpop_jkt',
]) // prettier-ignore

const text = (max: number) => z.string().min(1).max(max)
// Placeholders such as https://{subdomain}.example.com/authorize are filled before the URL is used.
const url = text(2048).refine((value) => isEndpointUrl(value), {
  error: 'must be an absolute https URL without user name, password or fragment (http only on loopback)',
})
const parameters = z
  .record(text(128), z.string().max(2048))
  .refine((value) => Object.keys(value).every((name) => !reservedParameters.has(name)), {
    error: `must not set a reserved parameter (${[...reservedParameters].join(', ')})`,
  })
const scopes = z.array(text(256).regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'is not a scope (RFC 6749 section 3.3)')).max(200)
const dottedPath = text(128).regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, 'is not a dotted path')
const seconds = z
  .int()
  .min(0)
  .max(10 * 365 * 24 * 3600)
// Legacy bag: `credential_schema`, `auth_strategy`, `skip_scope_*` have meaning, any other entry is an authorize parameter.
const legacyParams = z.record(text(128), z.unknown()).superRefine((value, context) => {
  for (const [name, entry] of Object.entries(value)) {
    if (legacyParamNames.has(name)) continue
    if (reservedParameters.has(name))
      context.addIssue({ code: 'custom', path: [name], message: 'is a reserved parameter' })
    if (typeof entry !== 'string')
      context.addIssue({
        code: 'custom',
        path: [name],
        message: 'must be a string: it is sent as an authorize parameter',
      })
  }
})
const legacyParamNames = new Set(['credential_schema', 'auth_strategy', 'skip_scope_on_exchange', 'skip_scope_on_auth'])

export const providerProfileSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]{1,100}$/, 'must be 1 to 100 characters of a-z, 0-9 and "-"'),
  auth_type: z.enum(authTypes).default('oauth2'),
  description: z.string().max(2000).nullish(),
  category: z.string().max(100).nullish(),
  api_base_url: url.nullish(),
  user_info_endpoint: text(2048).nullish(),
  params: legacyParams.nullish(),

  // oauth2: client and endpoints
  client_id: text(512).nullish(),
  client_secret: text(4096).nullish(),
  client_secrets: z.array(text(4096)).min(1).max(5).nullish(),
  client_private_key: z.record(z.string(), z.unknown()).nullish(),
  client_auth: z.enum(['client_secret_basic', 'client_secret_post', 'none', 'private_key_jwt']).nullish(),
  auth_header: text(128).nullish(),
  issuer: url.nullish(),
  enable_discovery: z.boolean().nullish(),
  auth_url: url.nullish(),
  token_url: url.nullish(),
  refresh_url: url.nullish(),
  jwks_url: url.nullish(),
  par_url: url.nullish(),
  userinfo_url: url.nullish(),
  userinfo: z.enum(['required', 'on', 'off']).nullish(),
  url_variables: z
    .record(
      text(64).regex(/^[a-z][a-z0-9_]*$/, 'must be lower-case letters, digits and "_"'),
      z.strictObject({ title: text(200), description: text(500).nullish(), pattern: text(200), example: text(200).nullish() }),
    )
    .nullish(),

  // oauth2: what is sent
  scopes: scopes.nullish(),
  default_scopes: scopes.nullish(),
  allowed_scopes: scopes.nullish(),
  scope_separator: z.enum([' ', ',', '+', ';']).nullish(),
  scope_parameter: text(64).nullish(),
  scope_on_authorize: z.boolean().nullish(),
  scope_on_exchange: z.boolean().nullish(),
  scope_on_refresh: z.boolean().nullish(),
  redirect_uri_on_refresh: z.boolean().nullish(),
  authorize_params: parameters.nullish(),
  token_params: parameters.nullish(),
  refresh_params: parameters.nullish(),
  body_format: z.enum(['form', 'json']).nullish(),
  pkce: z.enum(['required', 'on', 'off']).nullish(),
  par: z.enum(['required', 'when_advertised', 'off']).nullish(),
  dpop: z.boolean().nullish(),
  redirect_path: z.enum(['shared', 'per_provider']).nullish(),
  security_profile: z.enum(['fapi2']).nullish(),
  sends_issuer: z.boolean().nullish(),

  // oauth2: what comes back
  response: z
    .strictObject({
      access_token: dottedPath.nullish(),
      refresh_token: dottedPath.nullish(),
      scope: dottedPath.nullish(),
      expires_in: dottedPath.nullish(),
    })
    .nullish(),
  error_in_200: z
    .strictObject({
      member: dottedPath,
      equals: z.union([z.string(), z.boolean(), z.number()]).nullish(),
      error: dottedPath.nullish(),
    })
    .nullish(),
  default_expires_in_seconds: seconds.nullish(),
  refresh_policy: z
    .strictObject({
      mode: z.enum(['stable', 'rotates', 'none']),
      grace_seconds: seconds.nullish(),
      kills_access_token: z.boolean().nullish(),
      idle_limit_seconds: seconds.nullish(),
      absolute_limit_seconds: seconds.nullish(),
    })
    .nullish(),
  refresh_schedule: z.enum(schedulePolicies).nullish(),
  dead_grant_errors: z.array(text(128)).max(50).nullish(),
  revocation: z
    .strictObject({
      url,
      style: z.enum(['rfc7009', 'bearer_post', 'basic_delete']).nullish(),
      token: z.enum(['refresh_token', 'access_token']).nullish(),
    })
    .nullish(),
  id_token: z
    .strictObject({
      nonce: z.enum(['required', 'not_echoed']).nullish(),
      issuer_template: text(2048).nullish(),
      max_login_age_seconds: seconds.nullish(),
      signing_algs: z.array(z.enum(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])).min(1).nullish(),
    })
    .nullish(),

  // static credentials
  credential_schema: z.record(z.string(), z.unknown()).nullish(),
  strategy: strategySchema.nullish(),
  verify_credentials: z.boolean().nullish(),
}) // prettier-ignore

/** A profile as it travels; `null` and absent mean the same. */
export type ProviderProfile = z.infer<typeof providerProfileSchema>

/** Names of the members that are write-only: sealed on the way in, never given back. */
export const secretMembers = ['client_secret', 'client_secrets', 'client_private_key'] as const

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]'])

function isEndpointUrl(value: string): boolean {
  const filled = value.replace(/\{[a-z][a-z0-9_]*\}/g, 'x')
  if (/[\u0000-\u0020\\{}]/.test(filled) || !URL.canParse(filled)) return false
  const parsed = new URL(filled)
  const isSchemeFine =
    parsed.protocol === 'https:' || (parsed.protocol === 'http:' && loopbackNames.has(parsed.hostname))
  return isSchemeFine && parsed.username === '' && parsed.password === '' && parsed.hash === ''
}
