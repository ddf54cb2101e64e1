import { ServiceError, type ProviderMetadata } from '@dromos/contract'
import { checkProfile } from '../domain/check-profile.js'
import type { Actor } from '../domain/events.js'
import {
  changedMembers,
  holdsSecret,
  isJsonObject,
  mergePatch,
  openMembers,
  secretsOf,
  toWritable,
  type JsonObject,
} from '../domain/profile-changes.js'
import type { ClientSecrets } from '../domain/provider.js'
import { secretMembers, type ProviderProfile } from '../domain/provider-profile.js'
import type { Ports } from './ports/ports.js'
import type { SecretsChange, StoredProvider } from './ports/providers.js'

type ProviderPorts = Pick<Ports, 'providers' | 'report'>

/** `versions` undefined = whatever is current (no `If-Match`). */
export type ChangeRequest = { id: string; versions: readonly number[] | undefined }

/** Throws `invalid_provider`, `invalid_provider_name`, `provider_exists`. */
export async function createProvider(ports: ProviderPorts, actor: Actor, body: unknown): Promise<{ id: string }> {
  const profile = checkProfile(isJsonObject(body) ? toWritable(body) : body, { hasSecret: false })
  const secrets = secretsOf(profile)
  const id = await ports.providers.create(toStorable(profile), holdsSecret(secrets) ? secrets : undefined)
  await ports.report({ type: 'provider.created', actor, data: { provider_id: id, name: profile.name } })
  return { id }
}

/**
 * Full replacement; a secret that is not mentioned is kept, null removes it. Throws `invalid_provider`,
 * `invalid_provider_name`, `provider_not_found`, `provider_conflict`, `provider_exists`. Answers the new version.
 */
export async function replaceProvider(
  ports: ProviderPorts,
  actor: Actor,
  request: ChangeRequest,
  body: unknown,
): Promise<{ version: number }> {
  return change(ports, actor, await findCurrent(ports, request), body)
}

/** RFC 7396 merge into the stored profile, then as `replaceProvider`. */
export async function patchProvider(
  ports: ProviderPorts,
  actor: Actor,
  request: ChangeRequest,
  patch: unknown,
): Promise<{ version: number }> {
  const stored = await findCurrent(ports, request)
  if (!isJsonObject(patch)) throw new ServiceError('invalid_provider', 'send a JSON object with the members to change')
  // Kept apart from the merge: a secret's null has to survive it.
  const secrets = Object.fromEntries(secretMembers.filter((name) => name in patch).map((name) => [name, patch[name]]))
  const merged = mergePatch(stored.profile, toWritable(patch))
  return change(ports, actor, stored, { ...(isJsonObject(merged) ? merged : {}), ...secrets })
}

type Current = StoredProvider & { hasSecret: boolean }

async function findCurrent(ports: ProviderPorts, { id, versions }: ChangeRequest): Promise<Current> {
  const stored = await findProvider(ports, id)
  if (versions?.includes(stored.identity.version) === false)
    throw new ServiceError('provider_conflict', 'the provider was changed meanwhile: read it again, then repeat')
  return stored
}

async function change(
  ports: ProviderPorts,
  actor: Actor,
  stored: Current,
  body: unknown,
): Promise<{ version: number }> {
  const { id, version } = stored.identity
  const candidate = isJsonObject(body) ? toWritable(body) : body
  const kept = await keptSecrets(ports, stored, isJsonObject(candidate) ? candidate : {})
  const profile = checkProfile(candidate, { hasSecret: kept.hasSecret })
  const secrets = decideSecrets(profile, stored, kept)
  await ports.providers.replace(id, version, toStorable(profile), secrets)
  const changed = changedMembers(openMembers(stored.profile), openMembers(profile))
  const changedFields = secrets.kind === 'keep' ? changed : [...changed, 'client_secret']
  const data = { provider_id: id, name: profile.name, version: version + 1, changed_fields: changedFields }
  await ports.report({ type: 'provider.updated', actor, data })
  return { version: version + 1 }
}

/** What stays of the held secrets; `all` when the body mentions none, so that nothing needs to be opened. */
type Kept = { hasSecret: boolean; all: boolean; secrets: ClientSecrets }

async function keptSecrets(ports: ProviderPorts, stored: Current, candidate: JsonObject): Promise<Kept> {
  const mentionsSecret = 'client_secret' in candidate || 'client_secrets' in candidate
  const mentionsKey = 'client_private_key' in candidate
  const nothing: ClientSecrets = { secrets: [], privateKeyJwk: undefined }
  if (!mentionsSecret && !mentionsKey) return { hasSecret: stored.hasSecret, all: true, secrets: nothing }
  // Damaged secrets must not stop their replacement, so they are only opened when a part of them stays.
  const held =
    stored.hasSecret && !(mentionsSecret && mentionsKey)
      ? (await ports.providers.find(stored.identity.id))?.secrets
      : undefined
  const secrets: ClientSecrets = {
    secrets: mentionsSecret ? [] : (held?.secrets ?? []),
    privateKeyJwk: mentionsKey ? undefined : held?.privateKeyJwk,
  }
  return { hasSecret: holdsSecret(secrets), all: false, secrets }
}

function decideSecrets(profile: ProviderProfile, stored: Current, kept: Kept): SecretsChange {
  // A client secret has no business with static credentials.
  if (profile.auth_type !== 'oauth2') return stored.hasSecret ? { kind: 'remove' } : { kind: 'keep' }
  if (kept.all) return { kind: 'keep' }
  const given = secretsOf(profile)
  const secrets: ClientSecrets = {
    secrets: given.secrets.length > 0 ? given.secrets : kept.secrets.secrets,
    privateKeyJwk: given.privateKeyJwk ?? kept.secrets.privateKeyJwk,
  }
  if (holdsSecret(secrets)) return { kind: 'replace', secrets }
  return stored.hasSecret ? { kind: 'remove' } : { kind: 'keep' }
}

// checkProfile has parsed it; what openMembers leaves out is optional in the same type.
const toStorable = (profile: ProviderProfile): ProviderProfile => ({
  ...openMembers(profile),
  name: profile.name,
  auth_type: profile.auth_type,
})

/** Soft: connections of the provider are told. Throws `provider_not_found`, `provider_conflict`. */
export async function removeProvider(ports: ProviderPorts, actor: Actor, request: ChangeRequest): Promise<void> {
  const { identity } = await findCurrent(ports, request)
  if (!(await ports.providers.remove(identity.id))) throw notFound()
  const data = { provider_id: identity.id, name: identity.name }
  await ports.report({ type: 'provider.deleted', actor, data })
}

/** Answers how many were removed. Throws `provider_not_found` when it is none. */
export async function removeProvidersByName(ports: ProviderPorts, actor: Actor, name: string): Promise<number> {
  const found = await ports.providers.findByName(name)
  const removed = await Promise.all(
    found.map(async ({ identity }) => {
      if (!(await ports.providers.remove(identity.id))) return false
      const data = { provider_id: identity.id, name: identity.name }
      await ports.report({ type: 'provider.deleted', actor, data })
      return true
    }),
  )
  const count = removed.filter(Boolean).length
  if (count === 0) throw notFound()
  return count
}

/** Throws `provider_not_found` for an unknown or deleted id. */
export async function findProvider(ports: Pick<Ports, 'providers'>, id: string): Promise<Current> {
  const stored = await ports.providers.findStored(id)
  if (stored === undefined) throw notFound()
  return stored
}

const notFound = (): ServiceError => new ServiceError('provider_not_found', 'no such provider')

/** What agents may know of the providers, by auth type and name. */
export function describeProviders(providers: readonly StoredProvider[]): ProviderMetadata {
  const metadata: ProviderMetadata = {}
  for (const { identity, profile } of providers) {
    const entries = (metadata[profile.auth_type] ??= {})
    entries[identity.name] = {
      id: identity.id,
      api_base_url: profile.api_base_url ?? '',
      user_info_endpoint: profile.user_info_endpoint ?? '',
      scopes: profile.scopes ?? profile.default_scopes ?? null,
      description: profile.description ?? '',
      category: profile.category ?? '',
    }
  }
  return metadata
}
