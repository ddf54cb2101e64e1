// Owns the composition: builds the broker client, the operations and both edges, and closes them in order.
// Does not own process.* (main.ts) or any rule.
import { listenHttp, type Logger } from '@dromos/runtime'
import { createBrokerClient } from './broker-client.js'
import type { Config } from './config.js'
import { listenGrpc } from './grpc/server.js'
import { createHttpApp, createMetricsApp } from './http/server.js'
import { createLifecycle } from './lifecycle.js'
import { createOperations } from './operations.js'
import { createReporting } from './reporting.js'

export type Gateway = {
  httpPort: number
  grpcPort: number
  /** Where /metrics is served, when that is a port of its own. */
  metricsPort: number | undefined
  /** Takes no new work, finishes what is in flight on both edges, then closes the connections to the broker. */
  close(): Promise<void>
}

/** Starts both edges. Throws, with nothing left open, when a port cannot be had. The broker need not be up yet. */
export async function startGateway(config: Config, log: Logger): Promise<Gateway> {
  if (config.anonymousCallers === 'lend-own-key')
    log.warn({}, 'REQUIRE_API_KEY=false: callers without a credential act with the key of the gateway')
  const reporting = createReporting()
  const broker = createBrokerClient(config, reporting)
  const operations = createOperations(broker)
  const lifecycle = createLifecycle(broker)
  const parts = { config, broker, operations, lifecycle, reporting, log }
  const opened: { close(): Promise<void> }[] = []
  const close = async (): Promise<void> => {
    await Promise.all(opened.map((server) => server.close()))
    await broker.close()
  }
  const keep = <Opened extends { close(): Promise<void> }>(server: Opened): Opened => {
    opened.push(server)
    return server
  }
  try {
    const http = keep(await listenHttp(createHttpApp(parts), { port: config.httpPort }))
    const grpc = keep(await listenGrpc(parts))
    const metrics =
      typeof config.metrics === 'number'
        ? keep(await listenHttp(createMetricsApp(parts), { port: config.metrics }))
        : undefined
    log.info({ httpPort: http.port, grpcPort: grpc.port, metricsPort: metrics?.port }, 'gateway listening')
    return { httpPort: http.port, grpcPort: grpc.port, metricsPort: metrics?.port, close }
  } catch (error) {
    await close()
    throw error
  }
}
