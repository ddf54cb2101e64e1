import { type MetricsRegistry, sendJson } from '@dromos/runtime'
import type { BrokerClient } from '../broker-client.js'
import type { Route } from './routes.js'

/** Liveness looks at nothing but this process; readiness asks the broker, because without it no call can succeed. */
export function probeRoutes(broker: BrokerClient): Route[] {
  const sayHealthy: Route['handle'] = (_request, response) => sendJson(response, 200, { status: 'healthy' })
  return [
    { method: 'GET', path: '/health', handle: sayHealthy },
    { method: 'GET', path: '/healthz', handle: sayHealthy },
    {
      method: 'GET',
      path: '/readyz',
      async handle(_request, response) {
        const isReady = await broker.isReady()
        if (isReady) sendJson(response, 200, { status: 'ready' })
        else sendJson(response, 503, { status: 'unavailable', reason: 'broker_unavailable' })
      },
    },
  ]
}

/** Prometheus text (exposition format 0.0.4). Its labels hold no ids, addresses or URLs. */
export function metricsRoute(registry: MetricsRegistry): Route {
  return {
    method: 'GET',
    path: '/metrics',
    async handle(_request, response) {
      const text = await registry.metrics()
      response.setHeader('Content-Type', registry.contentType)
      response.status(200).end(text)
    },
  }
}
