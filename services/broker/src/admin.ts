// Owns the operator's command line: keys of the clients. One of the few files that touch process.*.
// Does not own what a key is (domain/api-key.ts) or what happens to it (flows/manage-clients.ts).
import { ServiceError } from '@dromos/contract'
import { ConfigurationError, createLogger, createMetricsRegistry } from '@dromos/runtime'
import { Command, CommanderError, Option } from 'commander'
import { parseDatabaseConfig } from './database-config.js'
import type { Role } from './domain/caller.js'
import { createKey, revokeKey, type Operator } from './flows/manage-clients.js'
import type { ListedKey, Ports } from './flows/ports.js'
import { createAuditStore } from './postgres/audit-store.js'
import { createClientStore } from './postgres/client-store.js'
import { describeConnectionTrouble } from './postgres/connection-trouble.js'
import { openDatabase } from './postgres/database.js'
import { createReporting } from './reporting.js'

const roles: readonly Role[] = ['agent', 'admin', 'gateway']

const operator: Operator = {
  clientId: undefined,
  keyId: undefined,
  requestId: 'admin-cli',
  ipAddress: undefined,
  userAgent: undefined,
}

type AdminPorts = Pick<Ports, 'clients' | 'report' | 'now'>

/** Runs `work` on the database of DATABASE_URL and closes it again, whatever happens. */
async function withPorts(work: (ports: AdminPorts) => Promise<void>): Promise<void> {
  const config = parseDatabaseConfig(process.env)
  const now = (): Date => new Date()
  const database = openDatabase({
    url: config.databaseUrl,
    ssl: config.databaseSsl,
    poolSize: 2,
    applicationName: 'dromos-admin',
    preparedStatements: false,
    onError: () => undefined,
  })
  const audit = createAuditStore(database, now)
  const log = createLogger({ service: 'broker-admin', level: 'error', destination: process.stderr })
  const { report } = createReporting({ registry: createMetricsRegistry(), log, audit, auditReads: 'strict', now })
  try {
    await work({ clients: createClientStore(database, now), report, now })
  } catch (error) {
    if (!(error instanceof ServiceError) || error.reason !== 'database_unavailable') throw error
    throw new ServiceError(error.reason, describeConnectionTrouble(config.databaseUrl, error.cause))
  } finally {
    await audit.close()
    await database.close()
  }
}

type CreateOptions = {
  tenant: string
  client: string
  role: Role[]
  expiresInDays?: number
  allowRefreshTokens?: true
  json?: true
}

const create = (options: CreateOptions): Promise<void> =>
  withPorts(async (ports) => {
    const { key, keyId, clientId, tenantId, expiresAt } = await createKey(ports, operator, {
      tenantId: options.tenant,
      clientName: options.client,
      roles: options.role,
      mayReadRefreshTokens: options.allowRefreshTokens ?? false,
      expiresInDays: options.expiresInDays,
    })
    if (options.json) return print(JSON.stringify({ key, keyId, clientId, tenantId }))
    print(`key      ${key}`)
    print(`client   ${options.client} (${clientId}) of tenant ${tenantId}, ${options.role.join(', ')}`)
    print(`expires  ${expiresAt?.toISOString() ?? 'never'}`)
    print('Store the key now: it is not kept and cannot be shown again.')
  })

const list = (options: { tenant?: string; json?: true }): Promise<void> =>
  withPorts(async (ports) => {
    const keys = await ports.clients.listKeys(options.tenant)
    if (options.json) return print(JSON.stringify(keys))
    if (keys.length === 0) return print('no keys')
    for (const key of keys)
      print([key.keyId, key.tenantId, key.clientName, key.roles.join(','), stateOf(key)].join('  '))
  })

function stateOf(key: ListedKey): string {
  if (key.revokedAt) return `revoked ${key.revokedAt.toISOString()}`
  if (key.expiresAt === undefined) return 'live, never expires'
  return `${key.expiresAt <= new Date() ? 'expired' : 'live until'} ${key.expiresAt.toISOString()}`
}

const revoke = (keyId: string): Promise<void> =>
  withPorts(async (ports) => {
    await revokeKey(ports, operator, keyId)
    print(`revoked ${keyId}`)
  })

const print = (line: string): void => void process.stdout.write(`${line}\n`)

const createExamples = `
examples:
  admin keys create --tenant default --client mailer --role agent
  admin keys create --tenant default --client ops --role admin --expires-in-days 90
  admin keys create --tenant default --client gateway --role gateway --json`

function describeCommands(): Command {
  const program = new Command('admin')
    .description('Manages the API keys of a Dromos broker. Needs DATABASE_URL (or DATABASE_URL_FILE) and nothing else.')
    .exitOverride() // inherited by every command below
  const keys = program.command('keys').description('API keys of clients')
  keys
    .command('create')
    .description('Make a key and print it once; tenant and client are made when they are new')
    .requiredOption('--tenant <name>', 'the tenant the client belongs to')
    .requiredOption('--client <name>', 'the client that will hold the key')
    .addOption(
      new Option(
        '--role <role...>',
        'agent: works with connections; admin: manages providers, reads the audit; gateway: speaks for other callers',
      )
        .choices(roles)
        .makeOptionMandatory(),
    )
    .option('--expires-in-days <days>', 'days until the key stops working', Number)
    .option('--allow-refresh-tokens', 'the client may read refresh tokens')
    .option('--json', 'print {"key","keyId","clientId","tenantId"}')
    .addHelpText('after', createExamples)
    .action(create)
  keys
    .command('list')
    .description('List keys, never their secrets')
    .option('--tenant <name>', 'only those of one tenant')
    .option('--json', 'print an array')
    .action(list)
  keys.command('revoke').description('Revoke a key for good').argument('<keyId>', 'dk_…, as listed').action(revoke)
  return program
}

try {
  await describeCommands().parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
}

// 64 and 78 are EX_USAGE and EX_CONFIG of sysexits.h. commander has already said what is wrong with the usage.
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 64
  const isForPeople = error instanceof ServiceError || error instanceof ConfigurationError
  process.stderr.write(`error: ${isForPeople ? error.message : 'the command failed; is the database migrated?'}\n`)
  return error instanceof ConfigurationError ? 78 : 1
}
