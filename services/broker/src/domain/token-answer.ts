/** What a token endpoint answered, read tolerantly and before anything is judged. Absent members are undefined. */
export type TokenAnswer = {
  accessToken: string | undefined
  refreshToken: string | undefined
  idToken: string | undefined
  tokenType: string | undefined
  scope: string | undefined
  /** Whole seconds within [0, ten years]; undefined when missing or unreadable. */
  expiresInSeconds: number | undefined
  extra: Record<string, unknown>
}

/** Where a provider puts members that RFC 6749 section 5.1 puts at the root, as dotted paths (`authed_user.access_token`). */
export type AnswerPaths = {
  accessToken: string | undefined
  refreshToken: string | undefined
  scope: string | undefined
  expiresIn: string | undefined
}

const tenYearsSeconds = 10 * 365 * 24 * 3600

/**
 * Reads a parsed token answer. Never throws: a provider that has already rotated must not lose its new refresh token
 * because another member is odd.
 */
export function readTokenAnswer(body: unknown, paths: AnswerPaths): TokenAnswer {
  const root = isObject(body) ? body : {}
  return {
    accessToken: text(at(root, paths.accessToken ?? 'access_token')),
    refreshToken: text(at(root, paths.refreshToken ?? 'refresh_token')),
    idToken: text(at(root, 'id_token')),
    tokenType: text(at(root, 'token_type')),
    scope: scopeText(at(root, paths.scope ?? 'scope')),
    expiresInSeconds: seconds(at(root, paths.expiresIn ?? 'expires_in')),
    extra: extraMembers(root, paths),
  }
}

const secretMembers = new Set(['access_token', 'refresh_token', 'id_token', 'token_type', 'scope', 'expires_in'])
const dangerousMembers = new Set(['__proto__', 'constructor', 'prototype'])

// A member that holds a nested token (Slack's `authed_user`) is dropped whole: refresh tokens never leave by a side door.
function extraMembers(root: Record<string, unknown>, paths: AnswerPaths): Record<string, unknown> {
  const nested = new Set(Object.values(paths).flatMap((path) => path?.split('.')[0] ?? []))
  const isKept = (name: string): boolean => !secretMembers.has(name) && !dangerousMembers.has(name) && !nested.has(name)
  return Object.fromEntries(Object.entries(root).filter(([name, value]) => isKept(name) && isPlain(value)))
}

const isPlain = (value: unknown): boolean => value === null || ['string', 'number', 'boolean'].includes(typeof value)

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Follows a dotted path through own properties; undefined where it ends early. */
export function at(root: Record<string, unknown>, path: string): unknown {
  let value: unknown = root
  for (const name of path.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

const scopeText = (value: unknown): string | undefined =>
  Array.isArray(value) ? value.filter((each) => typeof each === 'string').join(' ') || undefined : text(value)

// Providers send "3600", 3600.5, -1 and 1e308 (measured); a missing or unreadable value means "not promised".
function seconds(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) return undefined
  return Math.min(Math.max(Math.floor(number), 0), tenYearsSeconds)
}
