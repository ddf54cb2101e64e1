import { ServiceError } from '@dromos/contract'

/**
 * Errors of the socket, of node-pg and of knex that mean "the database cannot be used now". Beside these, the SQLSTATE classes
 * 08 (connection), 53 (no connection, memory or disk left) and 58 (trouble of its system).
 */
const unreachableCodes = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN',
  'ENOENT', // a unix socket that is not there
  '57P01', '57P02', '57P03', // admin shutdown, crash shutdown, starting up
  '57014', // our statement timeout: it waits for what is not coming
  '55P03', // lock timeout
  '25006', // a standby: the primary is elsewhere by now
  '28P01', '28000', '3D000', // it refuses us: password, pg_hba.conf, no such database
]) // prettier-ignore

// node-pg gives these no code.
const unreachableMessages = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'Cannot use a pool after calling end on the pool',
  'Query read timeout',
  'Unable to acquire a connection',
  'aborted',
]

export function errorCode(error: unknown): string | undefined {
  if (error instanceof AggregateError) return errorCode(error.errors[0]) // happy eyeballs: one error per address
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

export function isUnreachable(error: unknown): boolean {
  if (error instanceof ServiceError) return error.reason === 'database_unavailable'
  const code = errorCode(error)
  if (code !== undefined && (/^(08|53|58)/.test(code) || unreachableCodes.has(code))) return true
  if (!(error instanceof Error)) return false
  return error.name === 'KnexTimeoutError' || unreachableMessages.some((each) => error.message.includes(each))
}

/** True when the server cancelled the statement for its duration, also after `mapErrors`. */
export const isStatementTimeout = (error: unknown): boolean =>
  errorCode(error instanceof ServiceError ? error.cause : error) === '57014'

/** True when the session ended under its statement: another one may well work. */
export const isSessionLost = (error: unknown): boolean =>
  ['57P01', '57P02', 'ECONNRESET', 'EPIPE'].includes(errorCode(error) ?? '') ||
  (error instanceof Error && error.message.startsWith('Connection terminated unexpectedly'))

/** True when the statement broke the unique index or constraint of that name. */
export const isUniqueViolation = (error: unknown, constraint: string): boolean =>
  errorCode(error) === '23505' && error instanceof Error && 'constraint' in error && error.constraint === constraint

const lacksSchema = (error: unknown): boolean => ['42P01', '42703'].includes(errorCode(error) ?? '')

// A caller's NUL, in text (22021) or in JSON (22P05): PostgreSQL stores none. Everything we write ourselves has none.
const holdsNul = (error: unknown): boolean => ['22021', '22P05'].includes(errorCode(error) ?? '')

/**
 * Runs database work; a database that cannot be used, or has an older schema than this code, becomes `database_unavailable`,
 * text it cannot store `invalid_request`, everything else stays what it is.
 */
export async function mapErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ServiceError) throw error
    if (lacksSchema(error))
      throw new ServiceError('database_unavailable', 'the database lacks tables of this code: apply its migrations', {
        cause: error,
        retryAfterSeconds: 10,
      })
    if (holdsNul(error)) throw new ServiceError('invalid_request', 'a text holds a NUL character', { cause: error })
    if (!isUnreachable(error)) throw error
    throw new ServiceError('database_unavailable', 'the database cannot be reached: try again shortly', {
      cause: error,
      retryAfterSeconds: 2,
    })
  }
}
