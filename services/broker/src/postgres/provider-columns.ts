import type { ClientSecrets, ProviderIdentity } from '../domain/provider.js'
import { type ProviderProfile, secretMembers } from '../domain/provider-profile.js'
import { toProvider } from '../domain/resolve-profile.js'
import type { StrategyDefinition } from '../domain/strategy.js'
import type { StoredProvider } from '../flows/ports/providers.js'
import type { SealContext, Vault } from '../flows/ports/vault.js'

export const providerColumns = `p.id, p.name, p.profile, p.version, p.created_at, p.updated_at,
  p.deleted_at is not null as is_deleted`

export type ProviderColumns = {
  id: string
  name: string
  profile: ProviderProfile
  version: string
  created_at: Date
  updated_at: Date
  is_deleted: boolean
}

export const toIdentity = (row: ProviderColumns): ProviderIdentity => ({
  id: row.id,
  name: row.name,
  version: Number(row.version),
  isDeleted: row.is_deleted,
})

export const toStored = (row: ProviderColumns): StoredProvider => ({
  identity: toIdentity(row),
  profile: row.profile,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})

const contextOf = (id: string, version: number): SealContext => ({
  tenantId: 'installation', // providers belong to no tenant
  recordId: id,
  field: 'client_secrets',
  version,
})

export const sealSecrets = (vault: Vault, id: string, version: number, secrets: ClientSecrets): Buffer =>
  vault.seal(JSON.stringify(secrets), contextOf(id, version))

/** Throws `integrity_error` when the envelope is not of this provider and version. */
export const openSecrets = (vault: Vault, id: string, version: number, sealed: Buffer): ClientSecrets => {
  const { secrets, privateKeyJwk } = JSON.parse(vault.open(sealed, contextOf(id, version))) as ClientSecrets
  return { secrets, privateKeyJwk }
}

/** The profile as it may lie in the open, whatever the caller left in it. */
export const withoutSecrets = (profile: ProviderProfile): Record<string, unknown> => {
  const hidden: readonly string[] = secretMembers
  return Object.fromEntries(Object.entries(profile).filter(([name]) => !hidden.includes(name)))
}

/** What agents are given beside credentials of this provider; stored apart for the hot read. */
export function strategyOfProfile(profile: ProviderProfile): StrategyDefinition {
  const provider = toProvider({ id: '', name: profile.name, version: 1, isDeleted: false }, profile)
  return provider.kind === 'static' ? provider.strategy : { type: 'oauth2' }
}
