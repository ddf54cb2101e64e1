import { ConfigurationError, parseNetworks, resolveEnvironment, type Environment, type Networks } from '@dromos/runtime'

export type Config = Readonly<{
  httpPort: number
  grpcPort: number
  /** `main` = /metrics on the HTTP port, `off` = nowhere, a number = on a port of its own. */
  metrics: 'main' | 'off' | number
  /** Without a trailing slash; may have a path prefix. */
  brokerBaseUrl: string
  /** The gateway's own identity at the broker. */
  brokerApiKey: string | undefined
  brokerTimeoutMs: number
  /** A state signed by any of them passes the capture routes; with none, the broker alone judges. */
  stateKeys: readonly Buffer[]
  corsOrigins: readonly string[]
  /** `refuse` answers 401 to a caller without a credential; `lend-own-key` lets it act with the gateway's key. */
  anonymousCallers: 'refuse' | 'lend-own-key'
  trustedProxies: Networks
  grpcTls: Readonly<{ cert: Buffer; key: Buffer }> | undefined
  logLevel: string
  drainDeadlineMs: number
}>

/** Every variable the gateway reads; secrets may come from a file through `NAME_FILE`. */
export const configNames = [
  'PORT', 'PORT_HTTP', 'PORT_GRPC', 'METRICS_PORT', 'METRICS_ON_MAIN_PORT', 'BROKER_BASE_URL', 'BROKER_API_KEY',
  'BROKER_TIMEOUT_MS', 'STATE_KEY', 'STATE_KEYS_RETIRED', 'CORS_ALLOWED_ORIGINS', 'REQUIRE_API_KEY', 'TRUSTED_PROXIES', 'GRPC_TLS_CERT',
  'GRPC_TLS_KEY', 'LOG_LEVEL', 'DRAIN_DEADLINE_MS',
] as const // prettier-ignore

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

/**
 * Reads the gateway's configuration. Pure but for `NAME_FILE` reads, which go through `readFile`.
 * Throws ConfigurationError with every problem at once; no message holds a value of a secret.
 */
export function parseConfig(environment: Environment, readFile?: (path: string) => string): Config {
  const { values, problems } = resolveEnvironment(environment, configNames, readFile)
  const read = createReader(values, problems)
  const brokerApiKey = values.BROKER_API_KEY
  const requireApiKey = read.toggle('REQUIRE_API_KEY', 'true')
  if (requireApiKey === 'false' && brokerApiKey === undefined)
    problems.push('REQUIRE_API_KEY=false needs BROKER_API_KEY: callers without a credential act with that key')
  const config: Config = {
    httpPort: readHttpPort(read, values, problems),
    grpcPort: read.wholeNumber('PORT_GRPC', 9090, 0, 65_535),
    metrics: readMetrics(read, values),
    brokerBaseUrl: readBrokerUrl(values, problems),
    brokerApiKey,
    brokerTimeoutMs: read.wholeNumber('BROKER_TIMEOUT_MS', 30_000, 100, 300_000),
    stateKeys: readStateKeys(values.STATE_KEY, read.list('STATE_KEYS_RETIRED'), problems),
    corsOrigins: readOrigins(read.list('CORS_ALLOWED_ORIGINS'), problems),
    anonymousCallers: requireApiKey === 'false' ? 'lend-own-key' : 'refuse',
    trustedProxies: readProxies(read.list('TRUSTED_PROXIES'), problems),
    grpcTls: readGrpcTls(values, problems),
    logLevel: read.oneOf('LOG_LEVEL', logLevels, 'info'),
    // Below the 30 s that orchestrators wait between SIGTERM and SIGKILL.
    drainDeadlineMs: read.wholeNumber('DRAIN_DEADLINE_MS', 25_000, 0, 600_000),
  }
  if (problems.length > 0) throw new ConfigurationError(problems)
  return Object.freeze(config)
}

type Reader = ReturnType<typeof createReader>

function createReader(values: Environment, problems: string[]) {
  const oneOf = <Value extends string>(name: string, allowed: readonly Value[], fallback: Value): Value => {
    const value = values[name]?.toLowerCase() ?? fallback
    const found = allowed.find((each) => each === value)
    if (found === undefined) problems.push(`${name}: use one of ${allowed.join(', ')}`)
    return found ?? fallback
  }
  return {
    oneOf,
    toggle: (name: string, fallback: 'true' | 'false') => oneOf(name, ['true', 'false'], fallback),
    list: (name: string): string[] => (values[name] ?? '').split(',').map((each) => each.trim()).filter(Boolean), // prettier-ignore
    wholeNumber(name: string, fallback: number, min: number, max: number): number {
      const text = values[name]
      if (text === undefined) return fallback
      const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN
      if (!(value >= min && value <= max)) problems.push(`${name}: use a whole number from ${min} to ${max}`)
      return value
    },
  }
}

function readHttpPort(read: Reader, values: Environment, problems: string[]): number {
  if (values.PORT !== undefined && values.PORT_HTTP !== undefined && values.PORT !== values.PORT_HTTP)
    problems.push('PORT and PORT_HTTP name the same port and differ: keep one')
  return read.wholeNumber(values.PORT_HTTP === undefined ? 'PORT' : 'PORT_HTTP', 8090, 0, 65_535)
}

function readMetrics(read: Reader, values: Environment): Config['metrics'] {
  const isOnMainPort = read.toggle('METRICS_ON_MAIN_PORT', 'true') === 'true'
  if (values.METRICS_PORT !== undefined) return read.wholeNumber('METRICS_PORT', 0, 0, 65_535)
  return isOnMainPort ? 'main' : 'off'
}

function readBrokerUrl(values: Environment, problems: string[]): string {
  const text = values.BROKER_BASE_URL ?? 'http://localhost:8080'
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url !== undefined && ['http:', 'https:'].includes(url.protocol) && !url.username && !url.password
  if (!isPlain || url.search || url.hash)
    problems.push('BROKER_BASE_URL: use an http or https URL without credentials, query and fragment')
  return text.replace(/(?<!\/)\/+$/, '')
}

function readStateKeys(current: string | undefined, retired: readonly string[], problems: string[]): readonly Buffer[] {
  if (current === undefined) {
    if (retired.length > 0) problems.push('STATE_KEYS_RETIRED: is of no use without STATE_KEY')
    return []
  }
  const read = (name: string, text: string): Buffer => {
    const key = Buffer.from(text, 'base64')
    if (key.length !== 32 || key.toString('base64') !== text) problems.push(`${name}: use standard base64 of 32 bytes`)
    return key
  }
  return [read('STATE_KEY', current), ...retired.map((text) => read('STATE_KEYS_RETIRED', text))]
}

function readOrigins(origins: readonly string[], problems: string[]): readonly string[] {
  const isOrigin = (text: string): boolean =>
    URL.canParse(text) && new URL(text).origin === text && /^https?:/.test(text)
  const wrong = origins.filter((each) => !isOrigin(each))
  if (wrong.length > 0)
    problems.push(`CORS_ALLOWED_ORIGINS: ${wrong.join(', ')} is no origin; list them like https://app.example (no *)`)
  return origins
}

function readProxies(cidrs: readonly string[], problems: string[]): Networks {
  const { networks, invalid } = parseNetworks(cidrs)
  if (invalid.length > 0) problems.push(`TRUSTED_PROXIES: ${invalid.join(', ')} is no network in CIDR notation`)
  return networks
}

function readGrpcTls(values: Environment, problems: string[]): Config['grpcTls'] {
  const { GRPC_TLS_CERT: cert, GRPC_TLS_KEY: key } = values
  if (cert !== undefined && key !== undefined) return { cert: Buffer.from(cert), key: Buffer.from(key) }
  if (cert !== undefined || key !== undefined)
    problems.push('GRPC_TLS_CERT_FILE and GRPC_TLS_KEY_FILE go together: set both or none')
  return undefined
}
