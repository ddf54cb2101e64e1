import type { KeyedVault as Vault } from '@dromos/broker/vault'
import type { ProofDatabase } from './database.js'
import { credentialsContext } from './seed.js'

// Owns the last word of every proof: what the broker holds against what the provider knows, connection by connection.

export type FamilyAtProvider = {
  subject: string
  alive: boolean
  currentRefreshToken: string | undefined
  reuseCount: number
}

export type Ledger = {
  /** Active, alive at the provider, and the refresh token we hold is the provider's current one. */
  intact: number
  /** Declared dead by us and dead at the provider: ids by reason. */
  declared: Record<string, string[]>
  /** Active with us, and its refresh token is not the provider's current one or its grant is dead: nobody was told. */
  silent: string[]
  /** Declared dead by us while it lives at the provider. */
  falseDeaths: string[]
  /** Presentations of a refresh token that had been replaced, by the provider's count. */
  reuses: number
}

type Row = { id: string; status: string; reason: string | null; version: string; sealed_credentials: Buffer | null }

export async function compareLedger(
  database: ProofDatabase,
  vault: Vault,
  providerId: string,
  families: readonly FamilyAtProvider[],
): Promise<Ledger> {
  const rows = await database.rows<Row>(
    'select id, status, reason, version, sealed_credentials from connections where provider_id = $1',
    [providerId],
  )
  const byConnection = new Map(families.map((family) => [family.subject, family]))
  const ledger: Ledger = { intact: 0, declared: {}, silent: [], falseDeaths: [], reuses: 0 }
  for (const row of rows) {
    const family = byConnection.get(row.id)
    const holdsCurrent = family !== undefined && heldRefreshToken(vault, row) === family.currentRefreshToken
    const lives = family?.alive === true
    if (row.status === 'active') {
      if (lives && holdsCurrent) ledger.intact++
      else ledger.silent.push(row.id)
    } else if (lives) ledger.falseDeaths.push(row.id)
    else (ledger.declared[row.reason ?? row.status] ??= []).push(row.id)
  }
  ledger.reuses = families.reduce((sum, family) => sum + family.reuseCount, 0)
  return ledger
}

function heldRefreshToken(vault: Vault, { id, version, sealed_credentials: sealed }: Row): string | undefined {
  if (sealed === null) return undefined
  const plaintext = vault.open(sealed, credentialsContext(id, Number(version)))
  return (JSON.parse(plaintext) as { refreshToken?: string }).refreshToken
}
