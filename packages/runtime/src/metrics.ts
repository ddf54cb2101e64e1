import client from 'prom-client'

export type MetricsRegistry = client.Registry

/** A registry with the process metrics every service has. One per process start, so that tests can hold several. */
export function createMetricsRegistry(): MetricsRegistry {
  const registry = new client.Registry()
  client.collectDefaultMetrics({ register: registry })
  return registry
}

/**
 * Remembers the child of a metric for each combination of labels: finding it by its labels costs more than moving it. The
 * labels must be bounded, as those of every metric.
 */
export function rememberChildren<Labels extends string[], Child>(
  make: (...labels: Labels) => Child,
): (...labels: Labels) => Child {
  const children = new Map<string, Child>()
  return (...labels) => {
    const key = labels.join('\n')
    const known = children.get(key)
    if (known !== undefined) return known
    const child = make(...labels)
    children.set(key, child)
    return child
  }
}

/** Seconds; the buckets of the v1 contract. */
export const durationBucketsSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
