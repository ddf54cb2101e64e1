import { toProvider } from '../domain/resolve-profile.js'
import type { FoundProvider } from '../flows/ports/providers.js'
import type { Vault } from '../flows/ports/vault.js'
import { openSecrets, type ProviderColumns, toIdentity } from './provider-columns.js'

// Owns the work of resolving a provider's row, which is done once for each revision of it. Does not own reading the row, nor
// which revision is the current one: whoever asks has just read that.

/**
 * SQL of what is another after every write of a `provider_profiles` row named `p`, a rotation's new envelope too, which keeps
 * the version. The time keeps apart what the two sides of a failover may number alike.
 */
export const revisionOfProvider = `p.xmin || '/' || extract(epoch from p.updated_at)`

export type FoundColumns = ProviderColumns & { sealed_secrets: Buffer | null; revision: string }

export type ResolvedProviders = {
  /** undefined = nobody has resolved this revision here, or it had to make room. */
  known(id: string, revision: string): FoundProvider | undefined
  /** Throws `integrity_error`, each time: what did not open is never remembered. */
  resolve(row: FoundColumns): FoundProvider
}

export function createResolvedProviders(vault: Vault, capacity = 500): ResolvedProviders {
  const held = new Map<string, { revision: string; found: FoundProvider }>()

  // A Map keeps insertion order: re-inserting what is used makes its first key the least recently used one.
  const keep = (id: string, revision: string, found: FoundProvider): FoundProvider => {
    held.delete(id)
    held.set(id, { revision, found })
    const [oldest] = held.keys()
    if (held.size > capacity && oldest !== undefined) held.delete(oldest)
    return found
  }
  const known = (id: string, revision: string): FoundProvider | undefined => {
    const entry = held.get(id)
    return entry?.revision === revision ? keep(id, revision, entry.found) : undefined
  }
  return {
    known,
    resolve: (row) => known(row.id, row.revision) ?? keep(row.id, row.revision, resolveRow(vault, row)),
  }
}

function resolveRow(vault: Vault, row: FoundColumns): FoundProvider {
  const secrets = row.sealed_secrets
    ? openSecrets(vault, row.id, Number(row.version), row.sealed_secrets)
    : { secrets: [], privateKeyJwk: undefined }
  return { provider: toProvider(toIdentity(row), row.profile), secrets }
}
