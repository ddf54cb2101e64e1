import { randomBytes } from 'node:crypto'
import type { KeyedVault as Vault } from '@dromos/broker/vault'
import type { ProofDatabase } from './database.js'
import type { Target } from './read-load.js'

// Owns connections that are made without a person: ten thousand consents would take longer than the proof. They are sealed by
// the broker's own vault, so what a broker reads is what a consent would have left.

export type SeedOptions = {
  database: ProofDatabase
  vault: Vault
  providerId: string
  clientId: string
  tokenEndpoint: string
  /** Milliseconds from now at which the access token of the nth grant ends; negative = it has ended. */
  expiresInMs(index: number): number
}

export type Issued = { subject: string; accessToken: string; refreshToken: string }

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/** Ids as the broker makes them. */
export const newConnectionIds = (count: number): string[] =>
  Array.from({ length: count }, () => {
    const characters = [...randomBytes(32)].map((byte) => alphabet[byte & 31])
    return `cn_${characters.join('')}`
  })

const insertStatement = `
  insert into connections
    (tenant_id, id, workspace_id, provider_id, created_by, status, granted_scope, granted_to_client_id, granted_at_origin,
     sealed_credentials, version, expires_at, next_refresh_at)
  select 'default', id, 'user-1', $2, 'prove', 'active', 'api', $3, $4, sealed, 1, expires_at, 'infinity'
  from unnest($1::text[], $5::bytea[], $6::timestamptz[]) as seeded (id, sealed, expires_at)`

const rowsPerStatement = 1_000

/** Stores a live grant for each connection; its subject at the provider is the connection's id. */
export async function seedConnections(options: SeedOptions, issued: readonly Issued[]): Promise<Target[]> {
  const nowMs = Date.now()
  const { origin } = new URL(options.tokenEndpoint)
  for (let start = 0; start < issued.length; start += rowsPerStatement) {
    const batch = issued.slice(start, start + rowsPerStatement)
    const expiresAtMs = batch.map((_, index) => Math.round(nowMs + options.expiresInMs(start + index)))
    await options.database.rows(insertStatement, [
      batch.map(({ subject }) => subject),
      options.providerId,
      options.clientId,
      origin,
      batch.map((grant, index) => sealGrant(options.vault, grant, expiresAtMs[index] ?? nowMs)),
      expiresAtMs.map((ms) => new Date(ms)),
    ])
  }
  return issued.map(({ subject, refreshToken }) => ({ id: subject, family: refreshToken.split('_')[1] ?? '' }))
}

function sealGrant(vault: Vault, { subject, accessToken, refreshToken }: Issued, expiresAtMs: number): Buffer {
  const credentials = {
    type: 'oauth2',
    accessToken,
    tokenType: 'Bearer',
    refreshToken,
    scope: 'api',
    expiresAtMs,
    extra: {},
  }
  return vault.seal(JSON.stringify(credentials), credentialsContext(subject, 1))
}

/** What binds sealed credentials to their row and version. */
export const credentialsContext = (connectionId: string, version: number) => ({
  tenantId: 'default',
  recordId: connectionId,
  field: 'credentials' as const,
  version,
})
