import type { Ports } from '../flows/ports/ports.js'
import type { Vault } from '../flows/ports/vault.js'
import { createAnswerStore } from './answer-store.js'
import { createAuditStore } from './audit-store.js'
import { createAuthorizationRequestStore } from './authorization-request-store.js'
import { createClientStore } from './client-store.js'
import { createConnectionStore } from './connection-store.js'
import { createCompletionStore } from './completion-store.js'
import type { Database } from './database.js'
import { mapErrors } from './database-errors.js'
import { createIdempotencyStore } from './idempotency-store.js'
import { createLeaseStore } from './lease-store.js'
import { startLiveness } from './liveness.js'
import { pendingMigrations } from './migrator.js'
import { createOrphanStore } from './orphan-store.js'
import { createProviderStore } from './provider-store.js'
import { createRejectedGrantStore } from './rejected-grant-store.js'
import { createRevocationStore } from './revocation-store.js'
import { createScheduleStore } from './schedule-store.js'

export type Stores = Pick<
  Ports,
  | 'providers'
  | 'connections'
  | 'authorizationRequests'
  | 'completions'
  | 'leases'
  | 'revocations'
  | 'rejectedGrants'
  | 'schedule'
  | 'clients'
  | 'idempotency'
  | 'audit'
> & {
  /** Migrations of this code that the database lacks; for readiness. */
  pendingMigrations(): Promise<string[]>
  /** Writes what the audit still holds and gives the liveness lock back; before the database's own `close`. */
  close(): Promise<void>
}

/** The store part of Ports over one database. */
export function createStores(options: { database: Database; vault: Vault; now: () => Date }): Stores {
  const { database, vault, now } = options
  const liveness = startLiveness(database)
  const audit = createAuditStore(database, now)
  return {
    providers: createProviderStore(database, vault),
    connections: createConnectionStore(database, vault, now),
    authorizationRequests: createAuthorizationRequestStore(database, vault),
    completions: createCompletionStore(database),
    leases: {
      ...createLeaseStore(database, liveness, now),
      ...createAnswerStore(database, now),
      ...createOrphanStore(database),
    },
    revocations: createRevocationStore(database),
    rejectedGrants: createRejectedGrantStore(database),
    schedule: createScheduleStore(database),
    clients: createClientStore(database, now),
    idempotency: createIdempotencyStore(database, vault),
    audit,
    pendingMigrations: () => mapErrors(() => pendingMigrations(database.reader)),
    async close() {
      await Promise.all([audit.close(), liveness.close()])
    },
  }
}
