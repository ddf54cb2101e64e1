import type { MetricsRegistry } from '@dromos/runtime'
import client from 'prom-client'
import type { ResealStore } from './flows/ports/vault.js'

export type ObserveRotation = (reseal: Pick<ResealStore, 'latest'>) => void

/** `vault_rows_left`: what the latest change of the encryption key has still to do, asked when somebody looks. */
export function createRotationGauge(registry: MetricsRegistry): ObserveRotation {
  let observed: Parameters<ObserveRotation>[0] | undefined
  new client.Gauge({
    name: 'vault_rows_left',
    help: 'Rows that a former encryption key still seals, as the latest rotation knows',
    labelNames: ['key_id'],
    registers: [registry],
    async collect() {
      const rotation = await observed?.latest().catch(() => undefined)
      if (rotation === undefined) return // never, or the database is away: the last known value stays
      this.reset()
      for (const [keyId, rows] of Object.entries(rotation.rowsLeft)) this.set({ key_id: keyId }, rows)
      for (const keyId of rotation.retiredKeys) this.set({ key_id: keyId }, 0)
    },
  })
  return (reseal) => void (observed = reseal)
}
