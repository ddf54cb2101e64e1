import type { ProviderProfile } from '../../domain/provider-profile.js'
import type { ClientSecrets, Provider, ProviderIdentity } from '../../domain/provider.js'

// What the flows require of whoever keeps provider profiles.

export type StoredProvider = { identity: ProviderIdentity; profile: ProviderProfile; createdAt: Date; updatedAt: Date }

/** What PUT or PATCH makes of the held secrets: keep them, replace them, or remove them. */
export type SecretsChange = { kind: 'keep' } | { kind: 'replace'; secrets: ClientSecrets } | { kind: 'remove' }

export type FoundProvider = { provider: Provider; secrets: ClientSecrets }

export type ProviderStore = {
  /** Deleted ones included: their connections must be told. undefined = unknown id. */
  find(id: string): Promise<FoundProvider | undefined>
  /**
   * The provider as it was when `revision` was read, or as it is now: never an older one. Reads nothing when that revision is
   * known here.
   */
  findRevision(id: string, revision: string): Promise<FoundProvider | undefined>
  /** Case-insensitive; never a deleted one. */
  findByName(name: string): Promise<StoredProvider[]>
  findStored(id: string): Promise<(StoredProvider & { hasSecret: boolean }) | undefined>
  /** Newest first, keyset pages; `after` is the id of the last one seen. */
  list(page: { limit: number; after: string | undefined }): Promise<StoredProvider[]>
  /** Secrets are sealed in the same statement. Throws `provider_exists`. Answers the new id. */
  create(profile: ProviderProfile, secrets: ClientSecrets | undefined): Promise<string>
  /** Replaces profile and secrets if `version` is still current, else throws `provider_conflict`; `provider_exists` on a taken name. */
  replace(id: string, version: number, profile: ProviderProfile, secrets: SecretsChange): Promise<void>
  /** Soft. Answers false for an unknown or deleted id. */
  remove(id: string): Promise<boolean>
}
