import { describe, expect, test } from '@jest/globals'
import { ConfigurationError } from '@dromos/runtime'
import { parseConfig } from '../src/config.js'

const stateKey = Buffer.alloc(32, 7).toString('base64')

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    parseConfig(environment)
    return []
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems
    throw error
  }
}

describe('the configuration', () => {
  test('is complete and refuses anonymous callers when nothing is set', () => {
    const { trustedProxies, ...rest } = parseConfig({})
    expect(rest).toEqual({
      httpPort: 8090,
      grpcPort: 9090,
      metrics: 'main',
      brokerBaseUrl: 'http://localhost:8080',
      brokerApiKey: undefined,
      brokerTimeoutMs: 30_000,
      stateKeys: [],
      corsOrigins: [],
      anonymousCallers: 'refuse',
      grpcTls: undefined,
      logLevel: 'info',
      drainDeadlineMs: 25_000,
    })
    expect(trustedProxies.contains('127.0.0.1')).toBe(false)
  })

  test('takes PORT for PORT_HTTP, trims the broker URL and decodes the state key', () => {
    const config = parseConfig({ PORT: '80', BROKER_BASE_URL: 'https://broker.internal/x/', STATE_KEY: stateKey })
    expect([config.httpPort, config.brokerBaseUrl, config.stateKeys.map(({ length }) => length)]).toEqual([
      80,
      'https://broker.internal/x',
      [32],
    ])
  })

  test('reads secrets from files named by *_FILE', () => {
    const readFile = (path: string): string => `content of ${path}\n`
    const config = parseConfig(
      { BROKER_API_KEY_FILE: '/run/key', GRPC_TLS_CERT_FILE: '/run/cert', GRPC_TLS_KEY_FILE: '/run/pem' },
      readFile,
    )
    expect(config.brokerApiKey).toBe('content of /run/key')
    expect(config.grpcTls?.cert.toString()).toBe('content of /run/cert')
  })

  test('moves /metrics to its own port, or nowhere', () => {
    expect(parseConfig({ METRICS_PORT: '9100' }).metrics).toBe(9100)
    expect(parseConfig({ METRICS_ON_MAIN_PORT: 'false' }).metrics).toBe('off')
    expect(parseConfig({ METRICS_ON_MAIN_PORT: 'false', METRICS_PORT: '9100' }).metrics).toBe(9100)
  })

  test('reports every problem at once and never the value of a secret', () => {
    const problems = problemsOf({
      PORT: '80',
      PORT_HTTP: '81',
      PORT_GRPC: '70000',
      BROKER_BASE_URL: 'ftp://user:hunter2@broker',
      BROKER_TIMEOUT_MS: '1e3',
      STATE_KEY: 'c2VjcmV0LXZhbHVl',
      CORS_ALLOWED_ORIGINS: 'https://app.example,*,https://app.example/path',
      REQUIRE_API_KEY: 'false',
      TRUSTED_PROXIES: '10.0.0.0/8, 10.0.0.0/99',
      GRPC_TLS_CERT: 'pem',
      LOG_LEVEL: 'loud',
      METRICS_ON_MAIN_PORT: 'maybe',
    })
    const named = problems.map((problem) => /^[A-Z_]+/.exec(problem)?.[0])
    expect(named).toEqual(
      expect.arrayContaining([
        'REQUIRE_API_KEY', 'PORT', 'PORT_GRPC', 'METRICS_ON_MAIN_PORT', 'BROKER_BASE_URL', 'BROKER_TIMEOUT_MS',
        'STATE_KEY', 'CORS_ALLOWED_ORIGINS', 'TRUSTED_PROXIES', 'GRPC_TLS_CERT_FILE', 'LOG_LEVEL',
      ]), // prettier-ignore
    )
    expect(problems.join()).not.toMatch(/hunter2|c2VjcmV0/)
  })

  test('takes retired state keys beside the current one, and not without it', () => {
    const retired = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)].map((key) => key.toString('base64')).join(',')
    expect(parseConfig({ STATE_KEY: stateKey, STATE_KEYS_RETIRED: retired }).stateKeys).toHaveLength(3)
    expect(problemsOf({ STATE_KEYS_RETIRED: retired })).toHaveLength(1)
  })

  test.each(['AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8', 'short', `${stateKey}AA==`])(
    'refuses a STATE_KEY that is not standard base64 of 32 bytes: %s',
    (STATE_KEY) => expect(problemsOf({ STATE_KEY })).toHaveLength(1),
  )
})
