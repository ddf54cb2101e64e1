import { ServiceError } from '@dromos/contract'
import { errorCode } from './database-errors.js'

const reasons: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there: is PostgreSQL running?',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name could not be looked up',
  ETIMEDOUT: 'it did not answer in time',
  ENOENT: 'the socket does not exist: is PostgreSQL running?',
  '28P01': 'it refused the user name or password',
  '28000': 'it does not let this user in (pg_hba.conf)',
  '3D000': 'the database does not exist: create it first',
  '42501': 'the user lacks a permission',
  '42P01': 'it lacks tables of this code: apply its migrations',
  '42703': 'it lacks columns of this code: apply its migrations',
  '53300': 'it has no connection left',
  '57P03': 'it is starting up or shutting down',
}

/** One sentence for a person about a connection that could not be made; never the password. */
export function describeConnectionTrouble(url: string, error: unknown): string {
  const code = errorCode(error)
  const why = reasons[code ?? ''] ?? (code === undefined ? 'it did not answer as PostgreSQL does' : `error ${code}`)
  return `cannot use PostgreSQL at ${nameOf(url)}: ${why}`
}

/** For whoever configured the database: `database_unavailable` says which one and why; any other error stays what it is. */
export function explainToOperator(url: string, error: unknown): unknown {
  if (!(error instanceof ServiceError) || error.reason !== 'database_unavailable') return error
  return new ServiceError(error.reason, describeConnectionTrouble(url, error.cause), { cause: error.cause })
}

function nameOf(url: string): string {
  if (!URL.canParse(url)) return 'DATABASE_URL'
  const { hostname, port, pathname, username } = new URL(url)
  return `${hostname || 'the local socket'}:${port || '5432'}${pathname} as "${decodeURIComponent(username)}"`
}
