import { randomBytes } from 'node:crypto'
import { ConfigurationError } from '@dromos/runtime'
import { describe, expect, test } from '@jest/globals'
import { parseConfig } from '../src/config.js'

const encryptionKey = randomBytes(32).toString('base64')
const stateKey = randomBytes(32).toString('base64')
const minimal = {
  DATABASE_URL: 'postgres://dromos:pw-canary@localhost/dromos',
  BASE_URL: 'https://connect.example.com/',
  ENCRYPTION_KEY: encryptionKey,
  STATE_KEY: stateKey,
  ALLOWED_RETURN_DOMAINS: 'app.example.com',
}

function problemsOf(environment: Record<string, string | undefined>): readonly string[] {
  try {
    parseConfig(environment)
    return []
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems
    throw error
  }
}

test('the minimal environment has every defence on and nothing to warn of (fault 5)', () => {
  expect(parseConfig(minimal)).toEqual({
    port: 8080,
    metricsPort: undefined,
    baseUrl: 'https://connect.example.com',
    redirectPath: '/auth/callback',
    databaseUrl: minimal.DATABASE_URL,
    databaseSsl: undefined,
    databasePoolSize: 10,
    preparedStatements: true,
    encryptionKeys: { primary: Buffer.from(encryptionKey, 'base64'), retired: [] },
    stateKeys: [Buffer.from(stateKey, 'base64')],
    apiKeys: [],
    requireApiKey: true,
    allowedCidrs: undefined,
    trustedProxies: [],
    returnUrlRules: [{ scheme: 'https:', host: 'app.example.com', wildcard: undefined, port: '' }],
    consentBinding: 'browser',
    openConsentsPerTenant: 1_000,
    requestsPerSecondPerClient: 1_000,
    egressAllowedPrivateNetworks: [],
    auditReads: 'batched',
    housekeeping: { intervalMs: 60_000, credentialsDays: 30, auditDays: 365 },
    scheduler: { isOn: true, intervalMs: 1000, concurrencyPerProvider: 20, ratePerProvider: 50 },
    logLevel: 'info',
    drainDeadlineMs: 25_000,
    warnings: [],
  })
})

test('the configuration cannot be changed after it was read', () => {
  const config = parseConfig(minimal)
  expect(() => Object.assign(config, { requireApiKey: false })).toThrow(TypeError)
  expect(() => config.trustedProxies.push('10.0.0.0/8')).toThrow(TypeError)
})

test('an empty environment reports everything it lacks at once', () => {
  const names = problemsOf({}).map((each) => each.split(':')[0])
  expect(names).toEqual(['DATABASE_URL', 'BASE_URL', 'ENCRYPTION_KEY', 'STATE_KEY', 'ALLOWED_RETURN_DOMAINS'])
})

test('no problem quotes a secret', () => {
  const secrets = {
    ENCRYPTION_KEY: 'c2VjcmV0LWNhbmFyeQ==',
    STATE_KEY: 'canary!',
    API_KEY: 'canary',
    API_KEYS: 'canary two',
  }
  const text = problemsOf({ ...minimal, ...secrets, DATABASE_URL: 'mysql://u:canary@h/d', PORT: 'x' }).join('\n')
  expect(text).not.toMatch(/canary|c2VjcmV0/)
  expect(text.split('\n')).toHaveLength(6)
})

describe('keys', () => {
  const bytesOf = (fill: (index: number) => number): string =>
    Buffer.from(Array.from({ length: 32 }, (_each, index) => fill(index) & 0xff)).toString('base64')

  test.each([
    ['all zero', bytesOf(() => 0)],
    ['one repeated byte', bytesOf(() => 0x41)],
    ['the interop vector 00..1f', 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='],
    ['counting down', bytesOf((index) => 31 - index)],
  ])('a well-known key is refused: %s', (_name, key) => {
    expect(problemsOf({ ...minimal, ENCRYPTION_KEY: key })).toEqual([
      expect.stringContaining('ENCRYPTION_KEY: is a well-known'),
    ])
    expect(problemsOf({ ...minimal, STATE_KEY: key })).toEqual([expect.stringContaining('STATE_KEY: is a well-known')])
    expect(problemsOf({ ...minimal, ENCRYPTION_KEYS_RETIRED: key })).toEqual([])
  })

  test.each([
    ['31 bytes', randomBytes(31).toString('base64')],
    ['hex', randomBytes(32).toString('hex')],
    ['base64url', Buffer.alloc(32, 0xfb).toString('base64url')],
    ['surrounding space', ` ${encryptionKey}`],
  ])('only standard base64 of 32 bytes is a key: not %s', (_name, key) => {
    expect(problemsOf({ ...minimal, ENCRYPTION_KEY: key })).toEqual([
      expect.stringContaining('standard base64 of exactly 32'),
    ])
  })

  test('no key serves two purposes', () => {
    expect(problemsOf({ ...minimal, STATE_KEY: encryptionKey })).toEqual(['STATE_KEY: must differ from ENCRYPTION_KEY'])
    expect(problemsOf({ ...minimal, ENCRYPTION_KEYS_RETIRED: `${stateKey},${encryptionKey}` })).toHaveLength(2)
  })

  test('keys can come from files, retired ones keep verifying', () => {
    const rest = { ...minimal, ENCRYPTION_KEY: undefined }
    const retired = [randomBytes(32), randomBytes(32)]
    const config = parseConfig(
      {
        ...rest,
        ENCRYPTION_KEY_FILE: '/run/key',
        STATE_KEYS_RETIRED: retired.map((each) => each.toString('base64')).join(','),
      },
      (path) => (path === '/run/key' ? `${encryptionKey}\n` : ''),
    )
    expect(config.encryptionKeys.primary.toString('base64')).toBe(encryptionKey)
    expect(config.stateKeys.slice(1)).toEqual(retired)
  })
})

describe('guards', () => {
  test.each(['REQUIRE_API_KEY', 'ENFORCE_RETURN_URL', 'REQUIRE_ALLOWLIST', 'ENFORCE_DB_SSL'])(
    '%s refuses a word that is neither true nor false',
    (name) => {
      for (const word of ['yes', '1', 'ture', 'off'])
        expect(problemsOf({ ...minimal, [name]: word })).toEqual([`${name}: use true or false`])
      expect(problemsOf({ ...minimal, [name]: 'TRUE' })).toEqual([])
    },
  )

  test('each switched-off defence is named in a warning', () => {
    const config = parseConfig({
      ...minimal,
      DATABASE_URL: 'postgres://u:p@db.internal/dromos',
      ALLOWED_RETURN_DOMAINS: '',
      ENFORCE_RETURN_URL: 'false',
      REQUIRE_API_KEY: 'false',
      ALLOWED_CIDRS: '10.0.0.0/8',
      CONSENT_BINDING: 'none',
      EGRESS_ALLOW_PRIVATE_NETWORKS: '10.0.0.0/8',
      REDIS_URL: 'redis://localhost:6379/0',
    })
    expect(config.returnUrlRules).toBeUndefined()
    expect(config.warnings.map((each) => each.split(/[ =:]/)[0])).toEqual([
      'ENFORCE_DB_SSL', 'REQUIRE_API_KEY', 'ALLOWED_CIDRS', 'ENFORCE_RETURN_URL', 'CONSENT_BINDING',
      'EGRESS_ALLOW_PRIVATE_NETWORKS', 'REDIS_URL',
    ]) // prettier-ignore
  })

  test('Redis is no longer needed: its address is accepted and ignored (fault 51)', () => {
    expect(parseConfig({ ...minimal, REDIS_URL: 'redis://x' }).warnings).toEqual([
      expect.stringContaining('REDIS_URL is ignored'),
    ])
  })

  test('the allowlist defaults to loopback and refuses what is no network', () => {
    expect(parseConfig({ ...minimal, REQUIRE_ALLOWLIST: 'true' }).allowedCidrs).toEqual(['127.0.0.1/32', '::1/128'])
    expect(problemsOf({ ...minimal, ALLOWED_CIDRS: '10.0.0.0/8,nonsense,10.0.0.0/99' })).toEqual([
      'ALLOWED_CIDRS: nonsense, 10.0.0.0/99: not a network in CIDR notation',
    ])
  })

  test('everybody cannot be a trusted proxy', () => {
    expect(problemsOf({ ...minimal, TRUSTED_PROXIES: '0.0.0.0/0' })).toEqual([
      expect.stringContaining('TRUSTED_PROXIES'),
    ])
  })

  test('API_KEY and API_KEYS are one set; a key that can be guessed is refused', () => {
    const [one, two] = ['a'.repeat(20), 'b'.repeat(20)]
    expect(parseConfig({ ...minimal, API_KEY: one, API_KEYS: `${two}, ${one}` }).apiKeys).toEqual([one, two])
    expect(problemsOf({ ...minimal, API_KEY: 'admin' })).toEqual([
      expect.stringContaining('API_KEY: each key needs 16'),
    ])
  })
})

describe('addresses', () => {
  test.each([
    'http://connect.example.com',
    'ftp://x',
    'connect.example.com',
    'https://u:p@x.example',
    'https://x.example?a=1',
    'https://x.example/#',
  ])('BASE_URL refuses %s', (url) => {
    expect(problemsOf({ ...minimal, BASE_URL: url })).toEqual([expect.stringMatching(/^BASE_URL: /)])
  })

  test('BASE_URL loses its trailing slashes and may be plain http on this machine (fault 30)', () => {
    expect(parseConfig({ ...minimal, BASE_URL: 'http://localhost:8080//' }).baseUrl).toBe('http://localhost:8080')
  })

  test('a metrics port of its own must be another one', () => {
    expect(problemsOf({ ...minimal, METRICS_PORT: '8080' })).toEqual([expect.stringContaining('METRICS_PORT')])
    expect(parseConfig({ ...minimal, METRICS_PORT: '9464' }).metricsPort).toBe(9464)
  })
})

describe('TLS towards the database', () => {
  const url = 'postgres://u:p@db.internal/dromos?sslmode=disable&application_name=x'
  const pem = '-----BEGIN CERTIFICATE-----\nx'

  test('verify-full checks chain and name, and the URL cannot switch it off', () => {
    const config = parseConfig({ ...minimal, DATABASE_URL: url, ENFORCE_DB_SSL: 'true', DB_SSLMODE: 'verify-full' })
    expect(config.databaseSsl).toEqual({ rejectUnauthorized: true })
    expect(config.databaseUrl).toBe('postgres://u:p@db.internal/dromos?application_name=x')
    expect(config.warnings).toEqual([])
  })

  test('require without a root certificate encrypts and says that nobody is authenticated', () => {
    const config = parseConfig({ ...minimal, DATABASE_URL: url, ENFORCE_DB_SSL: 'true' })
    expect(config.databaseSsl).toMatchObject({ rejectUnauthorized: false })
    expect(config.warnings).toEqual([expect.stringContaining('verify-full')])
  })

  test('a root certificate is read and verified against', () => {
    const environment = { ...minimal, DATABASE_URL: url, ENFORCE_DB_SSL: 'true', DB_SSLROOTCERT: '/ca.pem' }
    expect(parseConfig(environment, () => pem).databaseSsl).toMatchObject({ rejectUnauthorized: true, ca: pem })
    expect(problemsOf(environment)).toEqual(['DB_SSLROOTCERT: cannot read /ca.pem'])
  })

  test('a mode that would allow plain text is refused', () => {
    expect(problemsOf({ ...minimal, ENFORCE_DB_SSL: 'true', DB_SSLMODE: 'prefer' })).toEqual([
      'DB_SSLMODE: use one of require, verify-ca, verify-full',
    ])
  })
})
