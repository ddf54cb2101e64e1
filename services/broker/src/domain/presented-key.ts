import { ServiceError } from '@dromos/contract'

/** Texts presented as keys, not yet checked. */
export type PresentedKeys = { apiKey: string | undefined; authorization: string | undefined }

// RFC 9110 section 5.5; the longest key we issue has 63 characters, an operator's own may be longer.
const keyText = /^[\x21-\x7e]{1,512}$/

/**
 * Reads the credential headers. `Authorization` is Bearer (RFC 6750 section 2.1) or Basic (RFC 7617), where the user is
 * `dk_<id>` and the password the secret, or the password is a whole key: v1 clients can only put it into their base URL.
 * Throws `invalid_request` for a repeated header and for other schemes, `invalid_api_key` for text that no key can be.
 */
export function readPresentedKeys(headers: {
  apiKeys: readonly string[]
  authorizations: readonly string[]
}): PresentedKeys {
  const apiKey = single(headers.apiKeys, 'X-API-Key')
  const authorization = single(headers.authorizations, 'Authorization')
  const keys = { apiKey, authorization: authorization === undefined ? undefined : readAuthorization(authorization) }
  if (Object.values(keys).some((key) => key !== undefined && !keyText.test(key)))
    throw new ServiceError('invalid_api_key', 'the API key is not valid')
  return keys
}

function single(values: readonly string[], name: string): string | undefined {
  const given = values.map((value) => value.trim()).filter((value) => value !== '')
  if (given.length > 1) throw new ServiceError('invalid_request', `${name} was sent more than once`)
  return given[0]
}

function readAuthorization(header: string): string {
  const [, scheme = '', value = ''] = /^(\S+) +(\S+)$/.exec(header) ?? []
  if (/^bearer$/i.test(scheme)) return value
  if (/^basic$/i.test(scheme)) return readBasic(value)
  throw new ServiceError(
    'invalid_request',
    'Authorization: use Bearer <key>, or Basic with the key as user and password',
  )
}

function readBasic(encoded: string): string {
  const decoded = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  const [user, password] = [decoded.slice(0, Math.max(colon, 0)), decoded.slice(colon + 1)]
  return user.startsWith('dk_') && !password.startsWith('dk_') ? `${user}_${password}` : password
}
