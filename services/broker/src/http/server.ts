import {
  answerErrors,
  assignRequestId,
  type Logger,
  logRequests,
  refuseLargeBodies,
  refuseUnknownRoute,
  sendSecurityHeaders,
} from '@dromos/runtime'
import express, { type Express, type RequestHandler, Router } from 'express'
import type { Config } from '../config.js'
import type { Ports } from '../flows/ports/ports.js'
import type { Refresher } from '../flows/refresh-token.js'
import type { Revoker } from '../flows/revocation-worker.js'
import type { ConsentSettings } from '../flows/open-consent.js'
import type { Reporting } from '../reporting.js'
import { captureRouter } from './capture.js'
import { clientKeysRouter } from './client-keys.js'
import { connectionsRouter } from './connections.js'
import { browserConsentRouter, consentSpecRouter } from './consent.js'
import { dpopProofRouter } from './dpop-proof.js'
import { assignActor, guard } from './guard.js'
import { auditRouter, type Health, operationsRouter } from './operations.js'
import { lifecycleRouter } from './lifecycle.js'
import { answerBrowserErrors } from './pages/error-page.js'
import { providersRouter } from './providers.js'

// Owns the order in which things happen to a request, on one screen. Does not own any route's meaning.

export type ServerDependencies = {
  ports: Ports & { refresher: Refresher; revoker: Revoker }
  settings: ConsentSettings
  config: Config
  reporting: Reporting
  health: Health
  metrics: RequestHandler | undefined
  log: Logger
}

export function createServer({
  ports,
  settings,
  config,
  reporting,
  health,
  metrics,
  log,
}: ServerDependencies): Express {
  const app = express()
  app.disable('x-powered-by')
  app.set('etag', false) // answers are secrets or small: nothing is worth a conditional request
  app.set('query parser', 'simple') // a repeated parameter arrives as an array and is refused

  app.use(assignRequestId, sendSecurityHeaders)
  app.use(logRequests(log, reporting.observeRequest))
  app.use(refuseLargeBodies)

  // What agents call all the time comes first: what it does not pass through, it does not pay for.
  const needsKey = guard(config, ports)
  app.use(['/connections', '/auth/consent-spec'], needsKey)
  app.use(connectionsRouter(ports), dpopProofRouter(ports), consentSpecRouter(ports, settings))
  app.use(lifecycleRouter(ports, settings))
  app.use('/connections', refuseUnknownRoute) // or the guard below would count the request again

  app.use(openRoutes({ ports, settings, config, health, metrics, log }))

  // everything below needs a key
  app.use(needsKey)
  app.use(providersRouter(ports))
  app.use(auditRouter(ports))

  app.use(refuseUnknownRoute)
  app.use(answerErrors(log))
  return app
}

/** Operators' probes, public keys, and browsers on their way through a consent: no key, and errors as pages for people. */
function openRoutes(dependencies: Omit<ServerDependencies, 'reporting'>): Router {
  const { ports, settings, config, health, metrics, log } = dependencies
  const router = Router()
  router.use(assignActor(config))
  router.use(operationsRouter(health, metrics), clientKeysRouter(ports))
  router.use(browserConsentRouter(ports, settings), captureRouter({ ports, settings }), answerBrowserErrors(log))
  return router
}
