import { type MetricsRegistry, sendSecurityHeaders } from '@dromos/runtime'
import express, { type Express, type RequestHandler } from 'express'

/** Prometheus text. Labels hold no ids, addresses or URLs. */
export const serveMetrics =
  (registry: MetricsRegistry): RequestHandler =>
  async (_request, response) => {
    const text = await registry.metrics()
    // Not through express, which would reorder the parameters of the type.
    response.setHeader('Content-Type', registry.contentType)
    response.end(text)
  }

/** For a port of its own that only the monitoring can reach (ASVS 13.4.5): GET /metrics and nothing else. */
export function createMetricsApp(registry: MetricsRegistry): Express {
  const app = express()
  app.disable('x-powered-by')
  app.set('env', 'production') // an error is answered without its stack
  app.use(sendSecurityHeaders)
  app.get('/metrics', serveMetrics(registry))
  return app
}
