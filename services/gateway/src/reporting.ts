// Owns the gateway's own metrics: every counter and histogram is made and moved here and nowhere else.
// Does not own log lines of requests (runtime's logRequests and grpc/server.ts) or process metrics (runtime).
import type { ErrorReason } from '@dromos/contract'
import { createMetricsRegistry, durationBucketsSeconds, rememberChildren, type MetricsRegistry } from '@dromos/runtime'
import { Counter, Gauge, Histogram } from 'prom-client'

export type Edge = 'http' | 'grpc'

/** `2xx` to `5xx` for an answer of the broker, a reason when there was none. */
export type BrokerCallOutcome = `${number}xx` | ErrorReason

export type Reporting = {
  registry: MetricsRegistry
  requestStarted(edge: Edge): void
  /** `route` is a pattern (`GET /v1/token/:connection_id`) or a full gRPC method, `status` a code or a gRPC status name. */
  requestFinished(edge: Edge, route: string, status: string, durationSeconds: number): void
  brokerCalled(operation: string, outcome: BrokerCallOutcome, durationSeconds: number): void
}

/** Labels are bounded: patterns, codes and names of our own, never an id, an address or a URL. */
export function createReporting(): Reporting {
  const registry = createMetricsRegistry()
  const registers = [registry]
  const requests = new Counter({
    name: 'dromos_gateway_requests_total',
    help: 'Requests answered, by edge, route and status.',
    labelNames: ['edge', 'route', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'dromos_gateway_request_duration_seconds',
    help: 'Time from the request to the end of its answer, by edge and route.',
    labelNames: ['edge', 'route'],
    buckets: durationBucketsSeconds,
    registers,
  })
  const inFlight = new Gauge({
    name: 'dromos_gateway_requests_in_flight',
    help: 'Requests being served now, by edge.',
    labelNames: ['edge'],
    registers,
  })
  const brokerCalls = new Histogram({
    name: 'dromos_gateway_broker_call_duration_seconds',
    help: 'Time of a call to the broker with its retry, by operation and outcome.',
    labelNames: ['operation', 'outcome'],
    buckets: durationBucketsSeconds,
    registers,
  })
  const requestChild = rememberChildren((edge, route, status) => requests.labels(edge, route, status))
  const durationChild = rememberChildren((edge, route) => durations.labels(edge, route))
  const brokerChild = rememberChildren((operation, outcome) => brokerCalls.labels(operation, outcome))
  const inFlightOf = { http: inFlight.labels('http'), grpc: inFlight.labels('grpc') }
  return {
    registry,
    requestStarted: (edge) => inFlightOf[edge].inc(),
    requestFinished(edge, route, status, durationSeconds) {
      inFlightOf[edge].dec()
      requestChild(edge, route, status).inc()
      durationChild(edge, route).observe(durationSeconds)
    },
    brokerCalled: (operation, outcome, durationSeconds) => brokerChild(operation, outcome).observe(durationSeconds),
  }
}
