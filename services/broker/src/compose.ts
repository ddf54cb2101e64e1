import { setTimeout as sleep } from 'node:timers/promises'
import { createMetricsRegistry, type Logger, type MetricsRegistry } from '@dromos/runtime'
import { type BackgroundWork, createBackgroundWork } from './background-work.js'
import type { Config } from './config.js'
import { isVaultUsable } from './flows/check-canaries.js'
import type { ConsentSettings } from './flows/open-consent.js'
import type { Report } from './flows/ports/audit.js'
import type { Ports } from './flows/ports/ports.js'
import type { CanaryStore } from './flows/ports/vault.js'
import { retireAudit } from './flows/seal-audit.js'
import { createRefresher, type Refresher } from './flows/refresh-token.js'
import { type Revoker, startRevoker } from './flows/revocation-worker.js'
import { createUsageSampler } from './flows/sample-usage.js'
import type { Health } from './http/operations.js'
import { createOAuth } from './oauth/create-oauth.js'
import type { EgressWays } from './oauth/outbound-fetch.js'
import { guardTokenEndpoint } from './oauth/guarded-token-endpoint.js'
import { createCanaryStore } from './postgres/canary-store.js'
import { createAuditSegmentStore } from './postgres/audit-segment-store.js'
import { createStores } from './postgres/create-stores.js'
import { type Database, openDatabase } from './postgres/database.js'
import { createHousekeepingStore } from './postgres/housekeeping-store.js'
import { createResealStore } from './postgres/reseal-store.js'
import { createReporting, type Reporting } from './reporting.js'
import { observeVault } from './vault/observe-vault.js'
import { createVault, type KeyedVault } from './vault/vault.js'

// THE composition root: builds the adapters and joins them into Ports. Does not own any behaviour, nor when things start
// and end (app.ts): whoever looks for one follows the names below.

export type Assembly = {
  registry: MetricsRegistry
  reporting: Reporting
  ports: Ports & { refresher: Refresher; revoker: Revoker }
  settings: ConsentSettings
  vault: KeyedVault
  canaries: CanaryStore
  health: Health
  background: BackgroundWork
  /** Ends what was opened here; call it when no work is left. */
  close(): Promise<void>
}

/** How often each replica looks for revocations that are due. */
const revocationPollMs = 2_000

export function assemble(config: Config, log: Logger, now: () => Date, egress: EgressWays): Assembly {
  const registry = createMetricsRegistry()
  const vault = observeVault(createVault(config.encryptionKeys), ({ tenantId, recordId, field }) => {
    const connectionId = field === 'credentials' || field === 'orphan' ? recordId : undefined
    void reporting.report({ type: 'integrity_error', actor: { ...ourselves, tenantId }, connectionId, data: { field } })
  })
  const database = open(config, log)
  const stores = createStores({ database, vault, now })
  const reporting = createReporting({ registry, log, audit: stores.audit, auditReads: config.auditReads, now })
  const { report, announce } = reporting
  const oauth = outward(config, reporting, now, egress)
  const usage = createUsageSampler({ now, schedule: stores.schedule })
  const pause = (ms: number): Promise<void> => sleep(ms)
  const ports: Ports = { now, sleep: pause, ...stores, ...oauth, vault, usage, report, announce }
  const settings = consentSettings(config)
  const refresher = createRefresher(ports, settings)
  const revoker = startRevoker(ports, ourselves, revocationPollMs)
  const canaries = createCanaryStore(database.knex)
  const audit = { auditSegments: createAuditSegmentStore(database), vault }
  const reseal = createResealStore(database)
  reporting.observeRotation(reseal)
  const rotation = { reseal, canaries, vault, report }
  const background = createBackgroundWork({
    ports: { ...ports, refresher },
    rotation,
    housekeeping: {
      housekeeping: createHousekeepingStore(database),
      retireAudit: (days) => retireAudit(audit, days),
      countHandled: reporting.countHandled,
    },
    audit,
    usage,
    config,
    ourselves,
    log,
  })
  const { pendingMigrations } = stores
  const { incidents } = oauth.tokenEndpoint
  return {
    registry,
    reporting,
    ports: { ...ports, refresher, revoker },
    settings,
    vault,
    canaries,
    health: { isVaultUsable: () => isVaultUsable(vault), pendingMigrations, incidents },
    background,
    async close() {
      await usage.flush().catch(() => undefined)
      oauth.close()
      await stores.close() // audit rows and the liveness lock
      await database.close()
    },
  }
}

const open = (config: Config, log: Logger): Database =>
  openDatabase({
    url: config.databaseUrl,
    poolSize: config.databasePoolSize,
    ssl: config.databaseSsl,
    preparedStatements: config.preparedStatements,
    applicationName: 'dromos-broker',
    onError: (error) => log.warn({ error }, 'database session ended'),
  })

/** Everything that talks to providers, with the breaker in front of their token endpoints. */
function outward(config: Config, reporting: Reporting, now: () => Date, egress: EgressWays) {
  const oauth = createOAuth({
    ...egress,
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
  return { ...oauth, tokenEndpoint }
}

function consentSettings(config: Config): ConsentSettings {
  const [first, ...rest] = config.stateKeys
  if (first === undefined) throw new Error('the configuration has no state key')
  return {
    baseUrl: config.baseUrl,
    redirectUri: `${config.baseUrl}${config.redirectPath}`,
    stateKeys: [first, ...rest],
    returnUrlRules: config.returnUrlRules,
    binding: config.consentBinding,
    openConsentsPerTenant: config.openConsentsPerTenant,
  }
}

/** The actor of what happens without a request. */
const ourselves: Parameters<Report>[0]['actor'] = {
  tenantId: undefined,
  clientId: undefined,
  keyId: undefined,
  requestId: 'broker',
  ipAddress: undefined,
  userAgent: undefined,
}
