import { type HttpServer, listenHttp, type Logger, type RunningService } from '@dromos/runtime'
import { assemble, type Assembly } from './compose.js'
import type { Config } from './config.js'
import { checkCanaries } from './flows/check-canaries.js'
import { createMetricsApp, serveMetrics } from './http/metrics.js'
import { createServer } from './http/server.js'
import type { EgressWays } from './oauth/outbound-fetch.js'
import { explainToOperator } from './postgres/connection-trouble.js'

// Owns the order in which the broker starts and ends. Does not own what it is made of: compose.ts.

export type Broker = RunningService & { port: number; metricsPort: number | undefined }

/**
 * Starts the broker. Throws `integrity_error` when the database was sealed with another key, `database_unavailable` with what is
 * wrong when it cannot be used, `internal_error` when a port is busy. `now` and `egress` are injected so that tests can move time and
 * the providers' addresses.
 */
export async function startBroker(
  config: Config,
  log: Logger,
  now: () => Date = () => new Date(),
  egress: EgressWays = {},
): Promise<Broker> {
  for (const warning of config.warnings) log.warn({}, warning)
  const assembly = assemble(config, log, now, egress)
  const servers: HttpServer[] = []
  try {
    await checkCanaries(assembly.canaries, assembly.vault)
    await listen(assembly, config, log, servers)
  } catch (error) {
    await stop(assembly, servers)
    throw explainToOperator(config.databaseUrl, error)
  }
  assembly.background.start()
  const [main, metrics] = servers
  log.info({ port: main?.port, metricsPort: metrics?.port }, 'broker ready')
  return { port: main?.port ?? 0, metricsPort: metrics?.port, close: () => stop(assembly, servers) }
}

async function listen(assembly: Assembly, config: Config, log: Logger, servers: HttpServer[]): Promise<void> {
  const metrics = config.metricsPort === undefined ? serveMetrics(assembly.registry) : undefined
  const app = createServer({ ...assembly, config, metrics, log })
  servers.push(await listenHttp(app, { port: config.port }))
  if (config.metricsPort !== undefined)
    servers.push(await listenHttp(createMetricsApp(assembly.registry), { port: config.metricsPort }))
}

async function stop({ background, ports, close }: Assembly, servers: readonly HttpServer[]): Promise<void> {
  await Promise.all([background.stop(), ...servers.map((server) => server.close())]) // no new work
  await Promise.all([ports.refresher.drain(), ports.revoker.drain()]) // what was sent is finished and stored
  await close()
}
