import { setTimeout as sleep } from 'node:timers/promises'
import { createMetricsRegistry, type HttpServer, listenHttp, type Logger, type RunningService } from '@dromos/runtime'
import { createBackgroundWork } from './background-work.js'
import type { Config } from './config.js'
import { checkCanaries, isVaultUsable } from './flows/check-canaries.js'
import { createUsageSampler } from './flows/sample-usage.js'
import type { Ports, Report } from './flows/ports.js'
import { createRefresher } from './flows/refresh-token.js'
import type { ConsentSettings } from './flows/open-consent.js'
import { startRevoker } from './flows/revocation-worker.js'
import { createMetricsApp, serveMetrics } from './http/metrics.js'
import { createServer } from './http/server.js'
import { createOAuth } from './oauth/create-oauth.js'
import { guardTokenEndpoint } from './oauth/guarded-token-endpoint.js'
import { createCanaryStore } from './postgres/canary-store.js'
import { createResealStore } from './postgres/reseal-store.js'
import { createStores } from './postgres/create-stores.js'
import { openDatabase } from './postgres/database.js'
import { createHousekeepingStore } from './postgres/housekeeping-store.js'
import { createReporting } from './reporting.js'
import { observeVault } from './vault/observe-vault.js'
import { createVault } from './vault/vault.js'

// THE composition root: builds the adapters, joins them into Ports, and knows in which order they end.
// Does not own any behaviour: whoever looks for one follows the names below.

export type Broker = RunningService & { port: number; metricsPort: number | undefined }

/**
 * Starts the broker. Throws `integrity_error` when the database was sealed with another key, `database_unavailable` when there
 * is none, `internal_error` when a port is busy. `now` is injected so that tests can move time.
 */
export async function startBroker(config: Config, log: Logger, now: () => Date = () => new Date()): Promise<Broker> {
  for (const warning of config.warnings) log.warn({}, warning)
  const registry = createMetricsRegistry()
  const vault = observeVault(createVault(config.encryptionKeys), ({ tenantId, recordId, field }) => {
    const connectionId = field === 'credentials' || field === 'orphan' ? recordId : undefined
    void reporting.report({ type: 'integrity_error', actor: { ...ourselves, tenantId }, connectionId, data: { field } })
  })
  const database = openDatabase({
    url: config.databaseUrl,
    poolSize: config.databasePoolSize,
    ssl: config.databaseSsl,
    preparedStatements: config.preparedStatements,
    applicationName: 'dromos-broker',
    onError: (error) => log.warn({ error }, 'database session ended'),
  })
  const stores = createStores({ database, vault, now })
  const reporting = createReporting({ registry, log, audit: stores.audit, auditReads: config.auditReads, now })
  const oauth = createOAuth({
    now,
    allowedPrivateNetworks: config.egressAllowedPrivateNetworks,
    onRefused: (host) => void reporting.report({ type: 'egress_refused', actor: ourselves, data: { host } }),
    observeDiscovery: reporting.observeDiscovery,
    observeVerification: reporting.observeVerification,
  })
  const tokenEndpoint = guardTokenEndpoint(oauth.tokenEndpoint, {
    now,
    sleep: (ms) => sleep(ms),
    concurrency: config.scheduler.concurrencyPerProvider,
    ratePerSecond: config.scheduler.ratePerProvider,
    onBreaker: ({ providerId, isOpen }) => {
      const type = isOpen ? 'provider.breaker_opened' : 'provider.breaker_closed'
      void reporting.report({ type, actor: ourselves, data: { provider_id: providerId } })
    },
  })
  const canaries = createCanaryStore(database.knex)
  const usage = createUsageSampler({ now, schedule: stores.schedule })
  const ports: Ports = {
    now,
    sleep: (ms) => sleep(ms),
    ...stores,
    ...oauth,
    tokenEndpoint,
    vault,
    usage,
    report: reporting.report,
  }
  const settings: ConsentSettings = {
    baseUrl: config.baseUrl,
    redirectUri: `${config.baseUrl}${config.redirectPath}`,
    stateKeys: firstAndRest(config.stateKeys),
    returnUrlRules: config.returnUrlRules,
    binding: config.consentBinding,
  }
  const refresher = createRefresher(ports, settings)
  const revoker = startRevoker(ports, ourselves, revocationPollMs)
  const background = createBackgroundWork({
    ports: { ...ports, refresher },
    rotation: { reseal: createResealStore(database), canaries, vault, report: reporting.report },
    housekeeping: { housekeeping: createHousekeepingStore(database), countHandled: reporting.countHandled },
    usage,
    config,
    ourselves,
    log,
  })

  const closeAll = async (servers: readonly HttpServer[]): Promise<void> => {
    await Promise.all([background.stop(), ...servers.map((server) => server.close())]) // no new work
    // what was sent to a provider is finished and stored
    await Promise.all([refresher.drain(), revoker.drain()])
    await usage.flush().catch(() => undefined)
    oauth.close()
    await stores.close() // audit rows and the liveness lock
    await database.close()
  }

  const servers: HttpServer[] = []
  try {
    await checkCanaries(canaries, vault)
    const health = {
      isVaultUsable: () => isVaultUsable(vault),
      pendingMigrations: stores.pendingMigrations,
      incidents: tokenEndpoint.incidents,
    }
    const metrics = config.metricsPort === undefined ? serveMetrics(registry) : undefined
    const app = createServer({
      ports: { ...ports, refresher, revoker },
      settings,
      config,
      reporting,
      health,
      metrics,
      log,
    })
    servers.push(await listenHttp(app, { port: config.port }))
    if (config.metricsPort !== undefined)
      servers.push(await listenHttp(createMetricsApp(registry), { port: config.metricsPort }))
  } catch (error) {
    await closeAll(servers)
    throw error
  }
  background.start()
  const [main, metricsServer] = servers
  log.info({ port: main?.port, metricsPort: metricsServer?.port }, 'broker ready')
  return { port: main?.port ?? 0, metricsPort: metricsServer?.port, close: () => closeAll(servers) }
}

/** How often each replica looks for revocations that are due. */
const revocationPollMs = 2_000

/** The actor of what happens without a request. */
const ourselves: Parameters<Report>[0]['actor'] = {
  tenantId: undefined,
  clientId: undefined,
  keyId: undefined,
  requestId: 'broker',
  ipAddress: undefined,
  userAgent: undefined,
}

function firstAndRest(keys: readonly Buffer[]): ConsentSettings['stateKeys'] {
  const [first, ...rest] = keys
  if (first === undefined) throw new Error('the configuration has no state key')
  return [first, ...rest]
}
