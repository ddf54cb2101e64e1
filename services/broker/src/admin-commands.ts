// Owns the operator's command line: keys of the clients, rotation, audit, restore, tenants. Does not own what a key is
// (domain/api-key.ts), what happens to it (flows/manage-clients.ts) or process.* (admin.ts).
import { createLogger, createMetricsRegistry, type Environment } from '@dromos/runtime'
import { Command, Option } from 'commander'
import { parseDatabaseConfig } from './database-config.js'
import { parseKeysConfig } from './keys-config.js'
import type { Role } from './domain/caller.js'
import { doubtRestored } from './flows/doubt-restored.js'
import { type CompletionRule, createKey, type Operator, revokeKey, setCompletion } from './flows/manage-clients.js'
import type { ListedKey } from './flows/ports/clients.js'
import type { Ports } from './flows/ports/ports.js'
import { createAuditSegmentStore } from './postgres/audit-segment-store.js'
import { createAuditStore } from './postgres/audit-store.js'
import { createClientStore } from './postgres/client-store.js'
import { explainToOperator } from './postgres/connection-trouble.js'
import { createCanaryStore } from './postgres/canary-store.js'
import { type Database, openDatabase } from './postgres/database.js'
import { createResealStore } from './postgres/reseal-store.js'
import { createRestoreStore } from './postgres/restore-store.js'
import { createReporting } from './reporting.js'
import { adjustRotation, type RotateOptions, rotateKeys, type Terminal } from './rotate-keys-command.js'
import { verifyAuditCommand, type VerifyAuditOptions } from './verify-audit-command.js'
import { createVault } from './vault/vault.js'

const roles: readonly Role[] = ['agent', 'admin', 'gateway']

const operator: Operator = {
  clientId: undefined,
  keyId: undefined,
  requestId: 'admin-cli',
  ipAddress: undefined,
  userAgent: undefined,
}

/** What the commands have of their process. */
export type CommandLine = {
  environment: Environment
  terminal: Terminal
  /** The command has said what it found: it ends with 1. */
  fail(): void
}

type AdminPorts = Pick<Ports, 'clients' | 'report' | 'now'> & { database: Database }

/** Runs `work` on the database of DATABASE_URL and closes it again, whatever happens. */
async function withPorts({ environment }: CommandLine, work: (ports: AdminPorts) => Promise<void>): Promise<void> {
  const config = parseDatabaseConfig(environment)
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
    await work({ clients: createClientStore(database, now), report, now, database })
  } catch (error) {
    throw explainToOperator(config.databaseUrl, error)
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

const create = (line: CommandLine, options: CreateOptions): Promise<void> =>
  withPorts(line, async (ports) => {
    const { print } = line.terminal
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

const list = (line: CommandLine, options: { tenant?: string; json?: true }): Promise<void> =>
  withPorts(line, async (ports) => {
    const { print } = line.terminal
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

const revoke = (line: CommandLine, keyId: string): Promise<void> =>
  withPorts(line, async (ports) => {
    await revokeKey(ports, operator, keyId)
    line.terminal.print(`revoked ${keyId}`)
  })

const completionRules: readonly CompletionRule[] = ['required', 'optional']

const updateTenant = (line: CommandLine, tenant: string, options: { completion: CompletionRule }): Promise<void> =>
  withPorts(line, async (ports) => {
    await setCompletion(ports, operator, tenant, options.completion)
    line.terminal.print(`completion is ${options.completion} for tenant ${tenant}`)
  })

const rotate = (line: CommandLine, options: RotateOptions): Promise<void> =>
  withPorts(line, async ({ database, report }) => {
    const { environment, terminal } = line
    const reseal = createResealStore(database)
    const isWork = options.status === undefined && options.pause === undefined
    const hasKeys = [environment['ENCRYPTION_KEY'], environment['ENCRYPTION_KEY_FILE']].some(Boolean)
    // A rate or a resume without keys is for the brokers, which are at work themselves.
    const isChange = options.rate !== undefined || options.resume !== undefined
    if (!isWork || (isChange && !hasKeys)) return adjustRotation(reseal, options, terminal)
    const vault = createVault(parseKeysConfig(environment))
    const ports = { reseal, canaries: createCanaryStore(database.knex), vault, report }
    await rotateKeys(ports, { ...operator, tenantId: undefined }, options, terminal)
  })

const doubt = (line: CommandLine, options: { json?: true }): Promise<void> =>
  withPorts(line, async ({ database, report }) => {
    const ports = { restore: createRestoreStore(database), report }
    const startedAtMs = performance.now()
    const showLater = (marked: number): void => {
      if (performance.now() - startedAtMs > 2_000) line.terminal.showProgress(`${marked} connections marked`)
    }
    const marked = await doubtRestored(ports, { ...operator, tenantId: undefined }, showLater)
    const said = options.json
      ? JSON.stringify({ marked })
      : `${marked} connections of rotating providers are in doubt now`
    line.terminal.print(said)
  })

const verify = (line: CommandLine, options: VerifyAuditOptions): Promise<void> =>
  withPorts(line, async ({ database }) => {
    const vault = createVault(parseKeysConfig(line.environment))
    const ports = { auditSegments: createAuditSegmentStore(database), vault }
    if (!(await verifyAuditCommand(ports, options, line.terminal))) line.fail()
  })

const createExamples = `
examples:
  admin keys create --tenant default --client mailer --role agent
  admin keys create --tenant default --client ops --role admin --expires-in-days 90
  admin keys create --tenant default --client gateway --role gateway --json`

/** The commands and what they do. A command throws what is wrong, as ServiceError or ConfigurationError where people can act on it. */
export function describeCommands(line: CommandLine): Command {
  const program = new Command('admin')
    .description(
      'Manages the API keys of a Dromos broker and its encryption keys. Needs DATABASE_URL (or DATABASE_URL_FILE); ' +
        'rotate-keys and verify-audit need ENCRYPTION_KEY and ENCRYPTION_KEYS_RETIRED as well.',
    )
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
    .action((options: Parameters<typeof create>[1]) => create(line, options))
  keys
    .command('list')
    .description('List keys, never their secrets')
    .option('--tenant <name>', 'only those of one tenant')
    .option('--json', 'print an array')
    .action((options: Parameters<typeof list>[1]) => list(line, options))
  program
    .command('restore-doubt')
    .description('After a restore from a backup, before the brokers start: mark grants that may have rotated since')
    .option('--json', 'print {"marked"}')
    .action((options: Parameters<typeof doubt>[1]) => doubt(line, options))
  program
    .command('rotate-keys')
    .description('Seal everything anew under ENCRYPTION_KEY, while the brokers work; needs the keys of the brokers')
    .option('--status', 'say where it stands; needs no keys, as the next three')
    .option('--pause', 'let every worker stop, the brokers too')
    .option('--resume', 'go on')
    .option('--rate <rows>', 'rows sealed anew in a second, for all workers together', Number)
    .option('--json', 'print the state as JSON')
    .action((options: Parameters<typeof rotate>[1]) => rotate(line, options))
  program
    .command('verify-audit')
    .description(
      'Compare the audit with its seals; needs the keys of the brokers. Ends with 1 when something was changed',
    )
    .option('--expect <segment:digest>', 'a head that was kept elsewhere, e.g. from the log line "audit sealed"')
    .option('--json', 'print the verdict as JSON')
    .action((options: Parameters<typeof verify>[1]) => verify(line, options))
  program
    .command('tenants')
    .description('What holds for all connections of a tenant')
    .command('update')
    .argument('<tenant>', 'the tenant; it is made when it is new')
    .addOption(
      new Option(
        '--completion <rule>',
        'required: the application completes every connection with its own signed-in user; see INTEGRATIONS.md',
      )
        .choices(completionRules)
        .makeOptionMandatory(),
    )
    .action((tenant: string, options: Parameters<typeof updateTenant>[2]) => updateTenant(line, tenant, options))
  keys
    .command('revoke')
    .description('Revoke a key for good')
    .argument('<keyId>', 'dk_…, as listed')
    .action((keyId: string) => revoke(line, keyId))
  return program
}
