// Owns the HTTP edge: the order of what every request passes, and the table of routes.
// Does not own what an operation does (operations.ts) or how the broker is reached (broker-client.ts).
import {
  answerErrors,
  assignRequestId,
  logRequests,
  refuseLargeBodies,
  refuseUnknownRoute,
  sendSecurityHeaders,
  type Logger,
} from '@dromos/runtime'
import express, { type Express, type RequestHandler } from 'express'
import type { BrokerClient } from '../broker-client.js'
import type { Config } from '../config.js'
import type { Lifecycle } from '../lifecycle.js'
import type { Operations } from '../operations.js'
import type { Reporting } from '../reporting.js'
import { createContextReader } from './call-context.js'
import { captureRoutes } from './capture.js'
import { connectionRoutes } from './connections.js'
import { createCors } from './cors.js'
import { forwardRoutes } from './forward.js'
import { lifecycleRoutes } from './lifecycle.js'
import { metricsRoute, probeRoutes } from './probes.js'
import { mountRoutes, type Route } from './routes.js'

export type HttpParts = Readonly<{
  config: Config
  broker: BrokerClient
  operations: Operations
  lifecycle: Lifecycle
  reporting: Reporting
  log: Logger
}>

/** Every route of the main port. */
export function listRoutes({ config, broker, operations, lifecycle, reporting }: HttpParts): Route[] {
  const contexts = createContextReader({
    trustedProxies: config.trustedProxies,
    anonymousKey: config.anonymousCallers === 'lend-own-key' ? config.brokerApiKey : undefined,
  })
  return [
    ...connectionRoutes(operations, contexts),
    ...lifecycleRoutes(lifecycle, contexts),
    ...captureRoutes(broker, contexts, config.stateKeys),
    ...forwardRoutes(broker, contexts),
    ...probeRoutes(broker),
    ...(config.metrics === 'main' ? [metricsRoute(reporting.registry)] : []),
  ]
}

/** The public application: request id, security headers, log line and metrics, CORS, routes, errors. */
export function createHttpApp(parts: HttpParts): Express {
  return assemble(listRoutes(parts), parts)
}

/** The application of METRICS_PORT: /metrics and nothing else. */
export function createMetricsApp(parts: HttpParts): Express {
  return assemble([metricsRoute(parts.reporting.registry)], parts)
}

function assemble(routes: readonly Route[], { config, reporting, log }: HttpParts): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  const cors = createCors(config.corsOrigins)
  app.use(assignRequestId)
  app.use(sendSecurityHeaders)
  app.use(countRequest(reporting))
  app.use(
    logRequests(log, ({ method, route, status, durationSeconds }) => {
      const label = route === 'unmatched' ? route : `${method} ${route}`
      reporting.requestFinished('http', label, String(status), durationSeconds)
    }),
  )
  app.use(refuseLargeBodies)
  app.use(cors.allowOrigin)
  mountRoutes(app, routes, cors)
  app.use(refuseUnknownRoute)
  app.use(answerErrors(log))
  return app
}

const countRequest =
  (reporting: Reporting): RequestHandler =>
  (_request, _response, next) => {
    reporting.requestStarted('http')
    next()
  }
