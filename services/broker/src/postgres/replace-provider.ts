import { ServiceError } from '@dromos/contract'
import type { Knex } from 'knex'
import { isProviderId } from '../domain/ids.js'
import type { SecretsChange } from '../flows/ports/providers.js'
import type { Vault } from '../flows/ports/vault.js'
import { openSecrets, sealSecrets } from './provider-columns.js'
import { type Binding, query, transaction } from './query.js'

type Replacement = { id: string; version: number } & Record<'name' | 'authType' | 'profile' | 'strategy', Binding>

/** Throws `provider_not_found`, also for a deleted one, and `provider_conflict` when `version` is not current. */
export async function replaceProvider(
  knex: Knex,
  vault: Vault,
  replacement: Replacement,
  change: SecretsChange,
): Promise<void> {
  const { version } = replacement
  const id = replacement.id.toLowerCase() // as PostgreSQL writes it: the envelope is bound to it
  if (!isProviderId(id)) throw new ServiceError('provider_not_found', 'no such provider')
  await transaction(knex, async (inside) => {
    const [held] = await query<{ version: string; sealed_secrets: Buffer | null }>(
      inside,
      'select version, sealed_secrets from provider_profiles where id = :id and deleted_at is null for update',
      { id },
    )
    if (held === undefined) throw new ServiceError('provider_not_found', 'no such provider')
    if (Number(held.version) !== version)
      throw new ServiceError('provider_conflict', 'the provider was changed meanwhile: read it again, then repeat')
    await query(
      inside,
      `update provider_profiles
       set name = :name, auth_type = :authType, profile = :profile::json, strategy = :strategy::jsonb,
           sealed_secrets = :sealedSecrets, version = version + 1, updated_at = now()
       where id = :id and version = :version`,
      { ...replacement, id, sealedSecrets: resealed(vault, { id, version }, held.sealed_secrets, change) },
    )
  })
}

// The version is part of what an envelope is bound to: kept secrets are sealed anew.
function resealed(
  vault: Vault,
  { id, version }: Pick<Replacement, 'id' | 'version'>,
  sealed: Buffer | null,
  change: SecretsChange,
): Buffer | undefined {
  switch (change.kind) {
    case 'remove':
      return undefined
    case 'replace':
      return sealSecrets(vault, id, version + 1, change.secrets)
    case 'keep':
      return sealed ? sealSecrets(vault, id, version + 1, openSecrets(vault, id, version, sealed)) : undefined
  }
}
