import type { ClientSecrets } from './provider.js'
import { type ProviderProfile, secretMembers } from './provider-profile.js'

export type JsonObject = Readonly<Record<string, unknown>>

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** RFC 7396 section 2: members replace, null removes, objects merge, arrays replace as a whole. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch
  const merged = new Map(Object.entries(isJsonObject(target) ? target : {}))
  for (const [name, value] of Object.entries(patch))
    if (value === null) merged.delete(name)
    else merged.set(name, mergePatch(merged.get(name), value))
  return Object.fromEntries(merged) // defines its members, so that "__proto__" is a name like any other
}

const readOnlyMembers = new Set(['id', 'version', 'created_at', 'updated_at', 'client_secret_set'])
const secretNames: ReadonlySet<string> = new Set(secretMembers)

/**
 * A body as a profile: what only a reading gives (so that what was read can be written back) is left out, and v1 clients'
 * empty strings count as absent, but never those of a secret: nobody should lose one by leaving a form field blank.
 */
export function toWritable(body: JsonObject): JsonObject {
  const writable = Object.entries(body).filter(([name]) => !readOnlyMembers.has(name))
  return Object.fromEntries(
    writable.map(([name, value]) => [name, value === '' && name !== 'name' && !secretNames.has(name) ? null : value]),
  )
}

/** A profile as it may be shown and stored: no secrets, no members that are null. */
export const openMembers = (profile: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(profile).filter(([name, value]) => !secretNames.has(name) && value !== null && value !== undefined),
  )

/** The secrets a profile carries. */
export const secretsOf = (profile: ProviderProfile): ClientSecrets => ({
  secrets: profile.client_secret ? [profile.client_secret] : (profile.client_secrets ?? []),
  privateKeyJwk: profile.client_private_key ?? undefined,
})

export const holdsSecret = (secrets: ClientSecrets): boolean =>
  secrets.secrets.length > 0 || secrets.privateKeyJwk !== undefined

/** Names of the members that differ, sorted; values stay out of events. */
export function changedMembers(before: JsonObject, after: JsonObject): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  return names.filter((name) => canonical(before[name]) !== canonical(after[name]))
}

// PostgreSQL's jsonb does not keep the order of members.
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, each: unknown) =>
    isJsonObject(each)
      ? Object.fromEntries(Object.entries(each).sort(([one], [other]) => (one < other ? -1 : 1)))
      : each,
  )
}
