// Owns which variables the broker reads, their defaults and how they must fit together; pure but for `*_FILE`.
// Does not own how one variable is read (config-fields.ts) or the database's part (database-config.ts).
import { readFileSync } from 'node:fs'
import { clientLimits, consentLimits } from '@dromos/contract'
import { ConfigurationError, resolveEnvironment, type Environment } from '@dromos/runtime'
import type * as z from 'zod'
import * as fields from './config-fields.js'
import { databaseNames, readDatabase, type DatabaseSsl } from './database-config.js'
import type { ReturnUrlRule } from './domain/return-url.js'

export type Config = Readonly<{
  port: number
  /** undefined = /metrics is served on `port`. */
  metricsPort: number | undefined
  /** Without a trailing slash. */
  baseUrl: string
  redirectPath: string
  databaseUrl: string
  databaseSsl: DatabaseSsl | undefined
  databasePoolSize: number
  preparedStatements: boolean
  encryptionKeys: Readonly<{ primary: Buffer; retired: Buffer[] }>
  /** The first signs, all verify. */
  stateKeys: Buffer[]
  apiKeys: string[]
  requireApiKey: boolean
  /** undefined = every address may call. */
  allowedCidrs: string[] | undefined
  trustedProxies: string[]
  /** undefined = enforcement is switched off. */
  returnUrlRules: ReturnUrlRule[] | undefined
  consentBinding: 'browser' | 'none'
  openConsentsPerTenant: number
  /** 0 = no limit. */
  requestsPerSecondPerClient: number
  egressAllowedPrivateNetworks: string[]
  auditReads: 'batched' | 'strict'
  scheduler: SchedulerConfig
  housekeeping: HousekeepingConfig
  logLevel: string
  drainDeadlineMs: number
  /** One sentence per defence that is switched off, for the log at start. */
  warnings: string[]
}>

export type SchedulerConfig = Readonly<{
  isOn: boolean
  intervalMs: number
  concurrencyPerProvider: number
  ratePerProvider: number
}>

/** `auditDays` 0 = for ever. */
export type HousekeepingConfig = Readonly<{ intervalMs: number; credentialsDays: number; auditDays: number }>

/** Every variable the broker reads; each may come from a file through `NAME_FILE`. */
export const configNames = [
  ...databaseNames, 'PORT', 'METRICS_PORT', 'BASE_URL', 'REDIRECT_PATH', 'DATABASE_POOL_SIZE',
  'DATABASE_PREPARED_STATEMENTS', 'ENCRYPTION_KEY', 'ENCRYPTION_KEYS_RETIRED', 'STATE_KEY', 'STATE_KEYS_RETIRED', 'API_KEY',
  'API_KEYS', 'REQUIRE_API_KEY', 'ALLOWED_CIDRS', 'REQUIRE_ALLOWLIST', 'TRUSTED_PROXIES', 'ENFORCE_RETURN_URL',
  'ALLOWED_RETURN_DOMAINS', 'CONSENT_BINDING', 'OPEN_CONSENTS_PER_TENANT', 'CLIENT_REQUESTS_PER_SECOND', 'EGRESS_ALLOW_PRIVATE_NETWORKS', 'AUDIT_READS', 'SCHEDULER',
  'SCHEDULER_INTERVAL_MS', 'REFRESH_CONCURRENCY_PER_PROVIDER', 'REFRESH_RATE_PER_PROVIDER', 'HOUSEKEEPING_INTERVAL_MS', 'RETENTION_DAYS', 'AUDIT_RETENTION_DAYS', 'LOG_LEVEL', 'DRAIN_DEADLINE_MS', 'REDIS_URL',
] as const // prettier-ignore

const portRange = { min: 0, max: 65_535 }
const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const loopbackNetworks = ['127.0.0.1/32', '::1/128']

/** Throws ConfigurationError with every problem at once; no message holds the value of a secret. The result is frozen. */
export function parseConfig(
  environment: Environment,
  readFile: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): Config {
  const { values, problems } = resolveEnvironment(environment, configNames, readFile)
  const read = createReader(values, problems)
  const { warnings, ...database } = readDatabase(values, problems, readFile)
  const port = read('PORT', fields.wholeNumber(portRange).default(8080), 0)
  const config = {
    port,
    metricsPort: read('METRICS_PORT', fields.wholeNumber(portRange).optional(), undefined),
    baseUrl: read('BASE_URL', fields.baseUrl, ''),
    redirectPath: read('REDIRECT_PATH', fields.redirectPath, ''),
    ...database,
    databasePoolSize: read('DATABASE_POOL_SIZE', fields.wholeNumber({ min: 2, max: 500 }).default(10), 0),
    preparedStatements: read('DATABASE_PREPARED_STATEMENTS', fields.toggle('true'), true),
    ...readKeys(read, problems),
    ...readGuards(read, problems, warnings),
    consentBinding: read('CONSENT_BINDING', fields.oneOf(['browser', 'none'], 'browser'), 'browser'),
    ...readLimits(read),
    egressAllowedPrivateNetworks: read('EGRESS_ALLOW_PRIVATE_NETWORKS', fields.networks, []),
    auditReads: read('AUDIT_READS', fields.oneOf(['batched', 'strict'], 'batched'), 'strict'),
    scheduler: readScheduler(read),
    housekeeping: readHousekeeping(read),
    logLevel: read('LOG_LEVEL', fields.oneOf(logLevels, 'info'), 'info'),
    drainDeadlineMs: read('DRAIN_DEADLINE_MS', fields.wholeNumber({ min: 0, max: 600_000 }).default(25_000), 0),
    warnings,
  }
  if (config.metricsPort !== undefined && config.metricsPort !== 0 && config.metricsPort === port)
    problems.push('METRICS_PORT: must differ from PORT; leave it out to serve /metrics there')
  if (config.consentBinding === 'none')
    warnings.push('CONSENT_BINDING=none: a consent may be finished in another browser than it was started in')
  if (config.egressAllowedPrivateNetworks.length > 0)
    warnings.push('EGRESS_ALLOW_PRIVATE_NETWORKS: providers may point the broker at these private addresses')
  if (values.REDIS_URL !== undefined) warnings.push('REDIS_URL is ignored: the broker keeps everything in PostgreSQL')
  if (problems.length > 0) throw new ConfigurationError(problems)
  return deepFreeze(config)
}

type Read = <Value>(name: (typeof configNames)[number], schema: z.ZodType<Value>, placeholder: Value) => Value

// The placeholder only keeps the types whole until all problems are known: it is never used for anything.
const createReader =
  (values: Environment, problems: string[]): Read =>
  (name, schema, placeholder) => {
    const result = schema.safeParse(values[name])
    if (result.success) return result.data
    problems.push(...new Set(result.error.issues.map((issue) => `${name}: ${issue.message}`)))
    return placeholder
  }

function readKeys(read: Read, problems: string[]): Pick<Config, 'encryptionKeys' | 'stateKeys'> {
  const nothing = Buffer.alloc(0)
  const held = {
    ENCRYPTION_KEY: [read('ENCRYPTION_KEY', fields.key, nothing)],
    // May hold a well-known key: moving away from one needs it here until everything is sealed anew.
    ENCRYPTION_KEYS_RETIRED: read('ENCRYPTION_KEYS_RETIRED', fields.keys, []),
    STATE_KEY: [read('STATE_KEY', fields.key, nothing)],
    STATE_KEYS_RETIRED: read('STATE_KEYS_RETIRED', fields.keys, []),
  }
  for (const name of ['ENCRYPTION_KEY', 'STATE_KEY', 'STATE_KEYS_RETIRED'] as const)
    if (held[name].some((each) => each.length > 0 && fields.isWellKnownKey(each)))
      problems.push(`${name}: is a well-known example key: make your own (openssl rand -base64 32)`)
  const nameOf = new Map<string, string>()
  for (const [name, keys] of Object.entries(held))
    for (const each of keys.filter((key) => key.length > 0)) {
      const text = each.toString('base64')
      const other = nameOf.get(text)
      // One key for two purposes: whoever learns it for the lesser purpose has the greater one (SP 800-57 section 5.2).
      if (other !== undefined) problems.push(`${name}: must differ from ${other === name ? 'its other keys' : other}`)
      nameOf.set(text, name)
    }
  const [primary = nothing] = held.ENCRYPTION_KEY
  return {
    encryptionKeys: { primary, retired: held.ENCRYPTION_KEYS_RETIRED },
    stateKeys: [...held.STATE_KEY, ...held.STATE_KEYS_RETIRED],
  }
}

function readScheduler(read: Read): SchedulerConfig {
  return {
    isOn: read('SCHEDULER', fields.oneOf(['on', 'off'], 'on'), 'off') === 'on',
    intervalMs: read('SCHEDULER_INTERVAL_MS', fields.wholeNumber({ min: 10, max: 600_000 }).default(1_000), 0),
    concurrencyPerProvider: read(
      'REFRESH_CONCURRENCY_PER_PROVIDER',
      fields.wholeNumber({ min: 1, max: 1_000 }).default(20),
      1,
    ),
    ratePerProvider: read('REFRESH_RATE_PER_PROVIDER', fields.wholeNumber({ min: 1, max: 10_000 }).default(50), 1),
  }
}

function readLimits(read: Read): Pick<Config, 'openConsentsPerTenant' | 'requestsPerSecondPerClient'> {
  const range = { max: 1_000_000 }
  const { openPerTenant } = consentLimits
  const { requestsPerSecond } = clientLimits
  return {
    openConsentsPerTenant: read(
      'OPEN_CONSENTS_PER_TENANT',
      fields.wholeNumber({ ...range, min: 1 }).default(openPerTenant),
      1,
    ),
    requestsPerSecondPerClient: read(
      'CLIENT_REQUESTS_PER_SECOND',
      fields.wholeNumber({ ...range, min: 0 }).default(requestsPerSecond),
      0,
    ),
  }
}

function readHousekeeping(read: Read): HousekeepingConfig {
  return {
    intervalMs: read('HOUSEKEEPING_INTERVAL_MS', fields.wholeNumber({ min: 10, max: 86_400_000 }).default(60_000), 0),
    credentialsDays: read('RETENTION_DAYS', fields.wholeNumber({ min: 1, max: 3_650 }).default(30), 1),
    auditDays: read('AUDIT_RETENTION_DAYS', fields.wholeNumber({ min: 0, max: 36_500 }).default(365), 0),
  }
}

type Guards = Pick<Config, 'apiKeys' | 'requireApiKey' | 'allowedCidrs' | 'trustedProxies' | 'returnUrlRules'>

function readGuards(read: Read, problems: string[], warnings: string[]): Guards {
  const requireApiKey = read('REQUIRE_API_KEY', fields.toggle('true'), true)
  if (!requireApiKey) warnings.push('REQUIRE_API_KEY=false: whoever reaches the broker may read every connection')
  const usesAllowlist = read('REQUIRE_ALLOWLIST', fields.toggle('false'), true)
  const cidrs = read('ALLOWED_CIDRS', fields.networks, [])
  if (!usesAllowlist && cidrs.length > 0)
    warnings.push('ALLOWED_CIDRS has no effect: every address may call until REQUIRE_ALLOWLIST=true')
  const trustedProxies = read('TRUSTED_PROXIES', fields.networks, [])
  if (trustedProxies.some(isEverybody))
    problems.push('TRUSTED_PROXIES: 0.0.0.0/0 or ::/0 would believe any address a caller makes up')
  const enforcesReturnUrl = read('ENFORCE_RETURN_URL', fields.toggle('true'), true)
  const rules = read('ALLOWED_RETURN_DOMAINS', fields.returnUrlRules, [])
  if (enforcesReturnUrl && rules.length === 0 && !problems.some((each) => each.startsWith('ALLOWED_RETURN_DOMAINS')))
    problems.push('ALLOWED_RETURN_DOMAINS: is required: where browsers may be sent back to, e.g. app.example.com')
  if (!enforcesReturnUrl) warnings.push('ENFORCE_RETURN_URL=false: browsers are sent to any address a caller names')
  return {
    apiKeys: [...new Set([...read('API_KEY', fields.apiKeys, []), ...read('API_KEYS', fields.apiKeys, [])])],
    requireApiKey,
    allowedCidrs: !usesAllowlist ? undefined : cidrs.length > 0 ? cidrs : loopbackNetworks,
    trustedProxies,
    returnUrlRules: enforcesReturnUrl ? rules : undefined,
  }
}

const isEverybody = (cidr: string): boolean => /\/0+$/.test(cidr)

function deepFreeze<Value>(value: Value): Value {
  // Typed arrays cannot be frozen.
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}
