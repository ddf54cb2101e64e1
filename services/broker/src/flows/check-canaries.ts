import { ServiceError } from '@dromos/contract'
import type { CanaryStore, SealContext, Vault } from './ports/vault.js'

type CheckedVault = Vault & { primaryKeyId: string; keyIds: readonly string[] }

const constant = 'dromos canary'

const contextOf = (keyId: string): SealContext => ({
  tenantId: 'installation',
  recordId: keyId,
  field: 'canary',
  version: 0,
})

/**
 * Run once at start, before anything is served: a wrong or missing encryption key must stop the start instead of making every
 * stored connection look broken. Leaves a canary of the primary key. Throws `integrity_error` with a sentence for the operator
 * that names key ids, never keys.
 */
export async function checkCanaries(store: CanaryStore, vault: CheckedVault): Promise<void> {
  const canaries = await store.list()
  const missing = canaries.filter(({ keyId }) => !vault.keyIds.includes(keyId)).map(({ keyId }) => keyId)
  if (missing.length > 0)
    throw new ServiceError(
      'integrity_error',
      `the database holds data sealed with the encryption key ${missing.join(', ')}, which is not configured (configured: ` +
        `${vault.keyIds.join(', ')}): set it as ENCRYPTION_KEY, or add it to ENCRYPTION_KEYS_RETIRED`,
    )
  const broken = canaries.filter(({ keyId, envelope }) => !opens(vault, keyId, envelope)).map(({ keyId }) => keyId)
  if (broken.length > 0)
    throw new ServiceError(
      'integrity_error',
      `the canary of the encryption key ${broken.join(', ')} does not open: the table vault_canaries was damaged or edited; ` +
        'restore it from a backup before starting',
    )
  if (!canaries.some(({ keyId }) => keyId === vault.primaryKeyId))
    await store.add(vault.primaryKeyId, vault.seal(constant, contextOf(vault.primaryKeyId)))
}

/** For readiness: true when the vault opens what it seals. */
export function isVaultUsable(vault: CheckedVault): boolean {
  return opens(vault, vault.primaryKeyId, vault.seal(constant, contextOf(vault.primaryKeyId)))
}

function opens(vault: Vault, keyId: string, envelope: Buffer): boolean {
  try {
    return vault.open(envelope, contextOf(keyId)) === constant
  } catch {
    return false
  }
}
