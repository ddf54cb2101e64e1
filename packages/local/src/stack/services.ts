// Owns what the local stack knows about the services: programs, environment, ports, commands, the demo provider's profile.
// Does not own how they are run (service-process.ts) or in which order (stack.ts).
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RETURN_PATH } from '../identity-provider/return-page.js'
import type { StackSecrets } from './stack-files.js'

export const CHECKOUT = fileURLToPath(new URL('../../../../', import.meta.url))

export const PORT_NAMES = ['broker', 'http', 'grpc', 'provider'] as const

export type Ports = Record<(typeof PORT_NAMES)[number], number>

export const DEFAULT_PORTS: Ports = { broker: 8080, http: 8090, grpc: 9090, provider: 8085 }

/** How a person changes each port: the flag of `npm start` and the variable. */
export const PORT_SETTINGS = {
  broker: { flag: 'port-broker', variable: 'PORT_BROKER', title: 'broker' },
  http: { flag: 'port-http', variable: 'PORT_HTTP', title: 'gateway, HTTP' },
  grpc: { flag: 'port-grpc', variable: 'PORT_GRPC', title: 'gateway, gRPC' },
  provider: { flag: 'port-provider', variable: 'PORT_PROVIDER', title: 'demo identity provider' },
} as const satisfies Record<keyof Ports, { flag: string; variable: string; title: string }>

export type Environment = Record<string, string>

/** The environment of whoever starts the stack. */
export type Shell = Readonly<Record<string, string | undefined>>

/** A long-running program of ours. `readyUrl` answers 200 once it can work. */
export type Service = { name: string; logName: string; program: string; environment: Environment; readyUrl: string }

const BROKER = join(CHECKOUT, 'services', 'broker', 'dist')

/** A service as it runs everywhere, in one file: packages/local/bundle makes it. */
export const programOf = (service: 'broker' | 'gateway'): string =>
  join(CHECKOUT, 'services', service, 'dist', 'bundle.js')

/**
 * What Node is given to run one: its own options, then the program; the same as in the images. On a machine with much memory V8
 * lets a heap grow to four times what is alive before it collects, and keeps it; here it collects at twice (docs/operations.md).
 */
export const argumentsOf = (program: string): readonly string[] => ['--heap-growing-percent=100', program]

export const MIGRATE_PROGRAM = join(BROKER, 'migrate.js')
export const ADMIN_PROGRAM = join(BROKER, 'admin.js')

export const urlsOf = (ports: Ports) => ({
  broker: `http://localhost:${ports.broker}`,
  gateway: `http://localhost:${ports.http}`,
  grpc: `localhost:${ports.grpc}`,
  issuer: `http://localhost:${ports.provider}`,
  returnUrl: `http://localhost:${ports.provider}${RETURN_PATH}`,
})

/** The broker's environment: also that of its migrate and admin commands. */
export function brokerEnvironment(shell: Shell, ports: Ports, secrets: StackSecrets, databaseUrl: string): Environment {
  return {
    ...inherited(shell),
    NODE_ENV: 'development',
    PORT: String(ports.broker),
    BASE_URL: urlsOf(ports).broker,
    DATABASE_URL: databaseUrl,
    ENCRYPTION_KEY: secrets.encryptionKey,
    STATE_KEY: secrets.stateKey,
    REQUIRE_API_KEY: 'true',
    ENFORCE_RETURN_URL: 'true',
    ALLOWED_RETURN_DOMAINS: 'http://localhost:*,http://127.0.0.1:*',
    // The demo identity provider runs on this machine, an address the broker refuses to call anywhere else.
    EGRESS_ALLOW_PRIVATE_NETWORKS: '127.0.0.0/8,::1/128',
    // Below the time that service-process.ts gives it before SIGKILL.
    DRAIN_DEADLINE_MS: '15000',
    LOG_LEVEL: shell['LOG_LEVEL'] ?? 'warn',
  }
}

export function brokerService(ports: Ports, environment: Environment): Service {
  const readyUrl = `${urlsOf(ports).broker}/readyz`
  return { name: 'broker', logName: 'broker', program: programOf('broker'), environment, readyUrl }
}

/** `gatewayKey` is the gateway's own identity at the broker: it may speak for callers and do nothing else. */
export function gatewayService(shell: Shell, ports: Ports, gatewayKey: string): Service {
  return {
    name: 'gateway',
    logName: 'gateway',
    program: programOf('gateway'),
    readyUrl: `${urlsOf(ports).gateway}/readyz`,
    environment: {
      ...inherited(shell),
      NODE_ENV: 'development',
      PORT_HTTP: String(ports.http),
      PORT_GRPC: String(ports.grpc),
      BROKER_BASE_URL: urlsOf(ports).broker,
      BROKER_API_KEY: gatewayKey,
      LOG_LEVEL: shell['LOG_LEVEL'] ?? 'warn',
    },
  }
}

export const DEMO_CLIENT_ID = 'dromos-local'

export function identityProviderService(shell: Shell, ports: Ports, secrets: StackSecrets, stateDir: string): Service {
  const { broker, issuer } = urlsOf(ports)
  return {
    name: 'demo identity provider',
    logName: 'identity-provider',
    program: join(CHECKOUT, 'packages', 'local', 'dist', 'identity-provider', 'main.js'),
    readyUrl: `${issuer}/.well-known/openid-configuration`,
    environment: {
      ...inherited(shell),
      PORT: String(ports.provider),
      ISSUER: issuer,
      CLIENT_ID: DEMO_CLIENT_ID,
      CLIENT_SECRET: secrets.demoClientSecret,
      REDIRECT_URI: `${broker}/auth/callback`,
      STATE_DIR: stateDir,
    },
  }
}

/** The demo provider as the broker's API takes it. */
export function demoProfile(ports: Ports, secrets: StackSecrets) {
  return {
    name: 'demo',
    auth_type: 'oauth2',
    description: 'The demo identity provider of the local stack',
    issuer: urlsOf(ports).issuer,
    enable_discovery: true,
    client_id: DEMO_CLIENT_ID,
    client_secret: secrets.demoClientSecret,
    client_auth: 'client_secret_basic',
    scopes: ['openid', 'email', 'profile', 'offline_access'],
    // OpenID Connect Core §11: without it the provider gives no refresh token.
    authorize_params: { prompt: 'consent' },
    user_info_endpoint: '/me',
    api_base_url: urlsOf(ports).issuer,
  }
}

export type KeyRole = 'agent' | 'admin' | 'gateway'

/** Options of the admin command that creates an API key of a new client and prints `{"key":"dk_..."}`. */
export function createKeyCommand(client: string, role: KeyRole): string[] {
  return ['keys', 'create', '--tenant', 'default', '--client', client, '--role', role, '--json']
}

// What a developer's shell happens to hold (PORT, DATABASE_URL, proxies) must not change how the stack behaves.
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG', 'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'SystemRoot', 'TEMP']

function inherited(shell: Shell): Environment {
  return Object.fromEntries(
    INHERITED.flatMap((name) => {
      const value = shell[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}
