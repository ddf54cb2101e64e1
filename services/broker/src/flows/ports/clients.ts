import type { Caller, Role } from '../../domain/caller.js'

// What the flows require of whoever keeps callers, their keys and their repeated requests.

export type KeyRecord = Caller & { secretDigest: Buffer; expiresAt: Date | undefined; isRevoked: boolean }

export type NewClient = { tenantId: string; name: string; roles: readonly Role[]; mayReadRefreshTokens: boolean }

export type ClientStore = {
  /** May answer from memory for a few seconds; unknown ids cost the same as known ones. */
  findKey(keyId: string): Promise<KeyRecord | undefined>
  /** Creates the tenant when it is new. Answers the existing client when the name is taken by one with the same roles. */
  ensureClient(client: NewClient): Promise<{ clientId: string; isNew: boolean }>
  /** Throws `too_many_keys` when two are live, `client_not_found`. */
  addKey(
    tenantId: string,
    clientId: string,
    key: { keyId: string; secretDigest: Buffer; expiresAt: Date | undefined },
  ): Promise<void>
  /** Creates the tenant when it is new. False when it already is as asked. Consents that are under way keep their way. */
  requireCompletion(tenantId: string, isRequired: boolean): Promise<boolean>
  listKeys(tenantId: string | undefined): Promise<ListedKey[]>
  /** Throws `key_not_found`. */
  revokeKey(keyId: string): Promise<void>
}

export type ListedKey = {
  tenantId: string
  clientId: string
  clientName: string
  roles: readonly Role[]
  keyId: string
  createdAt: Date
  expiresAt: Date | undefined
  revokedAt: Date | undefined
}

export type IdempotencyStore = {
  /**
   * Runs `work` at most once per (tenant, client, key) within 24 hours; a second caller waits for the first and gets its
   * answer. Another request digest under the same key throws `idempotency_conflict`. A failed `work` leaves no trace.
   */
  once(
    scope: { tenantId: string; clientId: string; key: string; requestDigest: Buffer },
    work: () => Promise<string>,
  ): Promise<{ answer: string; isReplay: boolean }>
}
