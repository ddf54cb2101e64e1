import { ServiceError, type RequestConnectionBody } from '@dromos/contract'

/** What one edge parsed from `request-connection`; `scopes: null` asks for the provider's default. */
export type RequestConnectionInput = Readonly<{
  userId: string
  provider: { providerId: string } | { providerName: string }
  scopes: readonly string[] | null
  returnUrl: string
  /** Values for the placeholders of a provider's URLs (a shop, a tenant); undefined asks the person. */
  variables: Readonly<Record<string, string>> | undefined
  /** S256 of the application's verifier; the broker judges its form. */
  completionChallenge: string | undefined
}>

// The broker stores it in a column of this width, and would name the column's own word for it.
const maxUserIdLength = 255

const connectionIdFormat = /^[A-Za-z0-9_-]{8,64}$/

/** Ids are opaque here; the format only keeps foreign text out of the broker's path. Throws `invalid_connection_id`. */
export function parseConnectionId(id: unknown): string {
  if (typeof id === 'string' && connectionIdFormat.test(id)) return id
  throw new ServiceError('invalid_connection_id', 'a connection id has 8 to 64 letters, digits, - or _')
}

/**
 * Parses the body of `request-connection`. `action`, `metadata` and unknown members are ignored: v1 clients send them.
 * An absent, null or empty member counts as missing. Throws `missing_fields` naming all of them, `invalid_request` naming
 * the member of a wrong type.
 */
export function parseRequestConnection(body: unknown): RequestConnectionInput {
  if (!isObject(body)) throw new ServiceError('invalid_request', 'the body must be a JSON object')
  const userId = readText(body, 'user_id')
  if (userId !== undefined && userId.length > maxUserIdLength)
    throw new ServiceError('invalid_request', `user_id must have at most ${maxUserIdLength} characters`)
  const returnUrl = readText(body, 'return_url')
  const providerId = readText(body, 'provider_id')
  const providerName = readText(body, 'provider_name')
  const scopes = readScopes(body.scopes)
  const missing = [
    ...(userId === undefined ? ['user_id'] : []),
    ...(providerId === undefined && providerName === undefined ? ['provider_name or provider_id'] : []),
    ...(returnUrl === undefined ? ['return_url'] : []),
  ]
  const provider = providerId !== undefined ? { providerId } : providerName !== undefined ? { providerName } : undefined
  if (userId === undefined || returnUrl === undefined || provider === undefined)
    throw new ServiceError('missing_fields', `missing: ${missing.join(', ')}`)
  const completionChallenge = readText(body, 'completion_challenge')
  return { userId, returnUrl, provider, scopes, variables: readVariables(body.variables), completionChallenge }
}

type Members = { readonly [Name in keyof RequestConnectionBody | 'variables']?: unknown }

const isObject = (body: unknown): body is Members => typeof body === 'object' && body !== null && !Array.isArray(body)

function readText(body: Members, name: keyof RequestConnectionBody): string | undefined {
  const value = body[name]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string') throw new ServiceError('invalid_request', `${name} must be a string`)
  return value
}

function readScopes(value: unknown): readonly string[] | null {
  if (value === undefined || value === null) return null
  const isText = (each: unknown): each is string => typeof each === 'string'
  if (Array.isArray(value) && value.every(isText)) return value
  throw new ServiceError('invalid_request', 'scopes must be a list of strings, or null')
}

function readVariables(value: unknown): Readonly<Record<string, string>> | undefined {
  if (value === undefined || value === null) return undefined
  if (isTextRecord(value)) return value
  throw new ServiceError('invalid_request', 'variables must be an object of strings')
}

const isTextRecord = (value: unknown): value is Readonly<Record<string, string>> =>
  isObject(value) && Object.values(value).every((each) => typeof each === 'string')
