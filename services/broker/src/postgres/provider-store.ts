import { randomUUID } from 'node:crypto'
import { ServiceError } from '@dromos/contract'
import { isProviderId } from '../domain/ids.js'
import type { ProviderProfile } from '../domain/provider-profile.js'
import type { ProviderStore } from '../flows/ports/providers.js'
import type { Vault } from '../flows/ports/vault.js'
import type { Database } from './database.js'
import { isUniqueViolation } from './database-errors.js'
import { prepareRead } from './prepared-read.js'
import {
  providerColumns,
  type ProviderColumns,
  sealSecrets,
  strategyOfProfile,
  toStored,
  withoutSecrets,
} from './provider-columns.js'
import { type Binding, query } from './query.js'
import { replaceProvider } from './replace-provider.js'
import { createResolvedProviders, type FoundColumns, revisionOfProvider } from './resolved-providers.js'

const findStatement = `select ${providerColumns}, p.sealed_secrets, ${revisionOfProvider} as revision
  from provider_profiles p where p.id = $1::uuid`

export function createProviderStore(database: Database, vault: Vault): ProviderStore {
  const { knex } = database
  // Every consent and every callback read it.
  const readProvider = prepareRead<FoundColumns>(database, 'provider', findStatement)
  const resolved = createResolvedProviders(vault)
  const find: ProviderStore['find'] = async (id) => {
    if (!isProviderId(id)) return undefined
    const row = await readProvider(id)
    return row && resolved.resolve(row)
  }
  return {
    find,

    findRevision: async (id, revision) => resolved.known(id, revision) ?? find(id),

    async findByName(name) {
      const sql = `select ${providerColumns} from provider_profiles p where p.name = lower(:name) and p.deleted_at is null`
      return (await query<ProviderColumns>(knex, sql, { name })).map(toStored)
    },

    async findStored(id) {
      if (!isProviderId(id)) return undefined
      const sql = `select ${providerColumns}, p.sealed_secrets is not null as has_secret
                   from provider_profiles p where p.id = :id and p.deleted_at is null`
      const [row] = await query<ProviderColumns & { has_secret: boolean }>(knex, sql, { id })
      return row && { ...toStored(row), hasSecret: row.has_secret }
    },

    async list({ limit, after }) {
      if (after !== undefined && !isProviderId(after))
        throw new ServiceError('invalid_cursor', 'the cursor is none of this listing')
      const rows = await query<ProviderColumns>(
        knex,
        `select ${providerColumns} from provider_profiles p
         where p.deleted_at is null and (:after::uuid is null or (p.created_at, p.id) <
               (select created_at, id from provider_profiles where id = :after::uuid))
         order by p.created_at desc, p.id desc limit :limit`,
        { limit, after },
      )
      return rows.map(toStored)
    },

    async create(profile, secrets) {
      const id = randomUUID()
      await refuseTakenName(() =>
        query(
          knex,
          `insert into provider_profiles (id, name, auth_type, profile, strategy, sealed_secrets)
           values (:id, :name, :authType, :profile::json, :strategy::jsonb, :sealedSecrets)`,
          { id, ...profileBindings(profile), sealedSecrets: secrets && sealSecrets(vault, id, 1, secrets) },
        ),
      )
      return id
    },

    replace: (id, version, profile, change) =>
      refuseTakenName(() => replaceProvider(knex, vault, { id, version, ...profileBindings(profile) }, change)),

    async remove(id) {
      if (!isProviderId(id)) return false
      const rows = await query(
        knex,
        `update provider_profiles set deleted_at = now(), updated_at = now()
         where id = :id and deleted_at is null returning id`,
        { id },
      )
      return rows.length === 1
    },
  }
}

const profileBindings = (profile: ProviderProfile): Record<'name' | 'authType' | 'profile' | 'strategy', Binding> => ({
  name: profile.name,
  authType: profile.auth_type,
  profile: JSON.stringify(withoutSecrets(profile)),
  strategy: JSON.stringify(strategyOfProfile(profile)),
})

async function refuseTakenName<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (!isUniqueViolation(cause, 'provider_profiles_name')) throw cause
    throw new ServiceError('provider_exists', 'a provider of this name exists: choose another name or change that one')
  }
}
