import * as z from 'zod'

// Owns the strategies of contract section 9.2: how an agent, and our own credential check, apply static credentials.

const name = z.string().min(1).max(128)
const headerName = name.regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'is not a header name (RFC 9110 section 5.1)')

const headerConfig = z.strictObject({
  header_name: headerName.optional(),
  credential_field: name.optional(),
  value_prefix: z.string().max(64).optional(),
})
const basicConfig = z.strictObject({ username_field: name.optional(), password_field: name.optional() })
const hmacConfig = z.strictObject({
  header_name: headerName,
  secret_field: name.optional(),
  algo: z.enum(['sha256', 'sha1']).optional(),
  encoding: z.enum(['hex', 'base64']).optional(),
})

export const strategySchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('oauth2') }),
  z.strictObject({ type: z.literal('header'), config: headerConfig.optional() }),
  z.strictObject({
    type: z.literal('query_param'),
    config: z.strictObject({ param_name: name, credential_field: name.optional() }),
  }),
  z.strictObject({ type: z.literal('basic_auth'), config: basicConfig.optional() }),
  z.strictObject({ type: z.literal('hmac_payload'), config: hmacConfig }),
  z.strictObject({
    type: z.literal('aws_sigv4'),
    config: z.strictObject({ service: name, region: name.optional() }),
  }),
])

export type StrategyDefinition = z.infer<typeof strategySchema>

/** Credential fields (non-empty strings) a strategy needs; the form and the validation follow from it. */
export function requiredFields(strategy: StrategyDefinition): string[] {
  switch (strategy.type) {
    case 'oauth2':
      return ['access_token']
    case 'header':
      return [strategy.config?.credential_field ?? 'api_key']
    case 'query_param':
      return [strategy.config.credential_field ?? 'api_key']
    case 'basic_auth':
      return [strategy.config?.username_field ?? 'username', strategy.config?.password_field ?? 'password']
    case 'hmac_payload':
      return [strategy.config.secret_field ?? 'api_secret']
    case 'aws_sigv4':
      return ['access_key', 'secret_key']
  }
}

/** Fields a strategy uses when they are given (contract section 9.2: temporary AWS credentials). */
export const optionalFields = (strategy: StrategyDefinition): string[] =>
  strategy.type === 'aws_sigv4' ? ['session_token'] : []

// RFC 9110 section 5.5: visible ASCII with spaces inside; a pasted line break or a space at an end is a mistake.
const headerValue = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/

/** Why a strategy cannot apply a value of one of its `requiredFields`; undefined when it can. Never quotes the value. */
export function problemOfValue(strategy: StrategyDefinition, field: string, value: unknown): string | undefined {
  if (value === undefined || value === '') return 'is required'
  if (typeof value !== 'string') return 'must be text'
  switch (strategy.type) {
    case 'oauth2':
    case 'header':
    case 'aws_sigv4':
      return headerValue.test(value) ? undefined : 'must not hold line breaks, accents or spaces at its ends'
    case 'basic_auth': {
      // RFC 7617 section 2: no control characters, and the user-id ends at the first colon.
      const isUserName = field === requiredFields(strategy)[0]
      if (/[\u0000-\u001f\u007f]/.test(value)) return 'must not hold line breaks or control characters'
      return isUserName && value.includes(':') ? 'must not hold a colon' : undefined
    }
    case 'query_param':
    case 'hmac_payload':
      return undefined
  }
}

/** What a strategy adds to a request. */
export type AppliedStrategy = { headers: Record<string, string>; query: Record<string, string> }

/**
 * Applies a strategy to a request without a body; undefined for strategies that sign a payload and so cannot be checked by
 * a plain GET. The same definition is given to agents, so that what we verify is what they send.
 */
export function applyStrategy(
  strategy: StrategyDefinition,
  values: Readonly<Record<string, unknown>>,
): AppliedStrategy | undefined {
  const field = (fieldName: string): string => {
    const value = values[fieldName]
    return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
  }
  const [first = '', second = ''] = requiredFields(strategy)
  switch (strategy.type) {
    case 'oauth2':
      return { headers: { authorization: `Bearer ${field(first)}` }, query: {} }
    case 'header': {
      const header = (strategy.config?.header_name ?? 'Authorization').toLowerCase()
      return { headers: { [header]: `${strategy.config?.value_prefix ?? ''}${field(first)}` }, query: {} }
    }
    case 'query_param':
      return { headers: {}, query: { [strategy.config.param_name]: field(first) } }
    case 'basic_auth': {
      const pair = Buffer.from(`${field(first)}:${field(second)}`).toString('base64')
      return { headers: { authorization: `Basic ${pair}` }, query: {} }
    }
    case 'hmac_payload':
    case 'aws_sigv4':
      return undefined
  }
}
