// Owns what a client may say of itself: RFC 7591 section 2, in a registration or in a document of its own.
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import type { ClientAuthMethod } from './options.js'

export type ClientMetadata = { redirectUris: string[]; auth: ClientAuthMethod; jwk: JsonWebKey | undefined }

/** RFC 7591 section 3.2.2. */
export type MetadataProblem = { error: 'invalid_redirect_uri' | 'invalid_client_metadata'; description: string }

export type MetadataRules = {
  methods: readonly ClientAuthMethod[]
  /** Of a client that names none. */
  defaultMethod: ClientAuthMethod
}

const grantTypes = ['authorization_code', 'refresh_token']

export function readClientMetadata(document: unknown, rules: MetadataRules): ClientMetadata | MetadataProblem {
  const members = membersOf(document)
  if (members === undefined) return refused('not a JSON object')
  const redirectUris = members.get('redirect_uris')
  if (!isTexts(redirectUris) || redirectUris.length === 0 || !redirectUris.every(isRedirectUri)) {
    return { error: 'invalid_redirect_uri', description: 'redirect_uris: absolute http(s) URIs without fragment' }
  }
  const wantedMethod = members.get('token_endpoint_auth_method') ?? rules.defaultMethod
  const auth = rules.methods.find((method) => method === wantedMethod)
  if (auth === undefined) return refused(`token_endpoint_auth_method: one of ${rules.methods.join(', ')}`)
  if (!isWithin(members.get('grant_types'), grantTypes)) return refused(`grant_types: of ${grantTypes.join(', ')}`)
  if (!isWithin(members.get('response_types'), ['code'])) return refused('response_types: code')
  if (!isWithin(asList(members.get('application_type')), ['web', 'native'])) {
    return refused('application_type: web or native')
  }
  const jwk = firstKey(members.get('jwks'))
  if (auth === 'private_key_jwt' && jwk === undefined) return refused('jwks: a P-256 public key; jwks_uri is not read')
  return { redirectUris, auth, jwk }
}

/** The members of a JSON object; undefined for anything else. */
export function membersOf(value: unknown): Map<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return new Map<string, unknown>(Object.entries(value))
}

/** Undefined for what is no JSON. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const refused = (description: string): MetadataProblem => ({ error: 'invalid_client_metadata', description })

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string')

const asList = (value: unknown): unknown => (value === undefined ? undefined : [value])

/** A member that is not there leaves the choice to the server. */
const isWithin = (value: unknown, allowed: readonly string[]): boolean =>
  value === undefined || (isTexts(value) && value.every((each) => allowed.includes(each)))

export const isRedirectUri = (uri: string): boolean =>
  URL.canParse(uri) && /^https?:$/.test(new URL(uri).protocol) && !uri.includes('#')

function firstKey(jwks: unknown): JsonWebKey | undefined {
  const keys = membersOf(jwks)?.get('keys')
  const first: unknown = Array.isArray(keys) ? keys[0] : undefined
  const members = membersOf(first)
  if (members === undefined || members.has('d')) return undefined
  const jwk: JsonWebKey = Object.fromEntries(members)
  try {
    return createPublicKey({ key: jwk, format: 'jwk' }).asymmetricKeyType === 'ec' ? jwk : undefined
  } catch {
    return undefined
  }
}
