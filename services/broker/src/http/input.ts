import { ServiceError } from '@dromos/contract'
import * as z from 'zod'
import { isCompletionChallenge } from '../domain/completion.js'

/**
 * Parses a body at the edge. Throws `missing_fields` when required members are absent, `invalid_request` naming the others;
 * values are never quoted.
 */
export function parseInput<Output>(schema: z.ZodType<Output>, value: unknown): Output {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ServiceError('invalid_json', 'send a JSON object')
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const isMissing = (path: readonly PropertyKey[]): boolean =>
    path.length === 1 && !Object.hasOwn(value, String(path[0]))
  const missing = parsed.error.issues.filter((issue) => isMissing(issue.path)).map((issue) => String(issue.path[0]))
  if (missing.length > 0) throw new ServiceError('missing_fields', `missing: ${[...new Set(missing)].join(', ')}`)
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`)
  throw new ServiceError('invalid_request', problems.join('; '))
}

/** Of whoever will complete the connection; absent = nobody will. */
export const completionChallenge = z
  .string()
  .refine(isCompletionChallenge, 'the S256 of your verifier: 43 characters of base64url')
  .optional()

/** A query parameter that may stand once; twice is refused (ASVS 15.3.7). */
export function singleQuery(query: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = query[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw new ServiceError('invalid_request', `${name}: give it once`)
  return value
}
