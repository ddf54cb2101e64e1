import client from 'prom-client'

export type MetricsRegistry = client.Registry

/** A registry with the process metrics every service has. One per process start, so that tests can hold several. */
export function createMetricsRegistry(): MetricsRegistry {
  const registry = new client.Registry()
  client.collectDefaultMetrics({ register: registry })
  return registry
}

/** Seconds; the buckets of the v1 contract. */
export const durationBucketsSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
