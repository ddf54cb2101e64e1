import { readFileSync } from 'node:fs'
import { ConfigurationError, resolveEnvironment, type Environment } from '@dromos/runtime'
import { databaseUrl, oneOf, toggle } from './config-fields.js'

/** TLS towards PostgreSQL, in the shape of node:tls. */
export type DatabaseSsl = Readonly<{ rejectUnauthorized: boolean; ca?: string; checkServerIdentity?: () => undefined }>

export type DatabaseConfig = { databaseUrl: string; databaseSsl: DatabaseSsl | undefined; warnings: string[] }

export const databaseNames = ['DATABASE_URL', 'ENFORCE_DB_SSL', 'DB_SSLMODE', 'DB_SSLROOTCERT'] as const

/** What the commands `migrate` and `admin` need: the database and nothing else. Throws ConfigurationError. */
export function parseDatabaseConfig(
  environment: Environment,
  readFile: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): DatabaseConfig {
  const { values, problems } = resolveEnvironment(environment, databaseNames, readFile)
  const config = readDatabase(values, problems, readFile)
  if (problems.length > 0) throw new ConfigurationError(problems)
  return config
}

/** Appends what is wrong to `problems`; the result is only good when there was nothing. */
export function readDatabase(
  values: Environment,
  problems: string[],
  readFile: (path: string) => string,
): DatabaseConfig {
  const url = databaseUrl.safeParse(values.DATABASE_URL)
  const enforced = toggle('false').safeParse(values.ENFORCE_DB_SSL)
  const mode = oneOf(['require', 'verify-ca', 'verify-full'], 'require').safeParse(values.DB_SSLMODE)
  for (const [name, result] of Object.entries({ DATABASE_URL: url, ENFORCE_DB_SSL: enforced, DB_SSLMODE: mode }))
    if (!result.success) problems.push(`${name}: ${result.error.issues[0]?.message}`)
  if (!url.success || !enforced.success || !mode.success)
    return { databaseUrl: '', databaseSsl: undefined, warnings: [] }
  if (!enforced.data) return { databaseUrl: url.data, databaseSsl: undefined, warnings: plainWarnings(url.data) }
  const ca = readCertificate(values.DB_SSLROOTCERT, problems, readFile)
  if (/[?&](sslcert|sslkey)=/.test(url.data))
    problems.push('ENFORCE_DB_SSL: does not go with sslcert and sslkey in DATABASE_URL: use sslmode=verify-full there')
  const isUnverified = mode.data === 'require' && ca === undefined
  return {
    databaseUrl: withoutSslParameters(url.data),
    databaseSsl: {
      // libpq: "require" verifies like "verify-ca" as soon as a root certificate is given.
      rejectUnauthorized: !isUnverified,
      ...(ca === undefined ? {} : { ca }),
      ...(mode.data === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    },
    warnings: isUnverified
      ? ['DB_SSLMODE=require without DB_SSLROOTCERT: the database is not authenticated; use verify-full']
      : [],
  }
}

function readCertificate(
  path: string | undefined,
  problems: string[],
  readFile: (path: string) => string,
): string | undefined {
  if (path === undefined) return undefined
  try {
    const text = readFile(path)
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text
    problems.push('DB_SSLROOTCERT: the file holds no PEM certificate')
  } catch {
    problems.push(`DB_SSLROOTCERT: cannot read ${path}`)
  }
  return undefined
}

// node-pg lets the URL win over its `ssl` option: what the URL says of TLS has to go when TLS is enforced.
function withoutSslParameters(text: string): string {
  const [base = '', query = ''] = text.split('?')
  const kept = query
    .split('&')
    .filter((each) => each !== '' && !/^(ssl|sslmode|sslrootcert|uselibpqcompat)=/.test(each))
  return kept.length === 0 ? base : `${base}?${kept.join('&')}`
}

const nearHosts = new Set(['', 'localhost', '127.0.0.1', '[::1]'])

function plainWarnings(text: string): string[] {
  const { hostname, searchParams } = new URL(text)
  const host = decodeURIComponent(hostname)
  const isLocal = nearHosts.has(host) || host.startsWith('/')
  const isTls = /^(require|verify-ca|verify-full|no-verify)$/.test(searchParams.get('sslmode') ?? '')
  return isLocal || isTls ? [] : ['ENFORCE_DB_SSL=false: the connection to the database is not encrypted']
}
