import { type AuditSegment, type ChainLink, nextSegment, startOfChain } from '../domain/audit-segment.js'
import type { AuditSegmentStore, StoredSegment } from './ports/audit.js'
import type { SealContext, Vault } from './ports/vault.js'

// Owns how the audit becomes tamper-evident: rows are sealed in segments, a moment after they were written, each segment
// bound to the one before. Safe on any number of replicas at once. Does not own the check: verify-audit.ts.

export type SealAuditPorts = { auditSegments: AuditSegmentStore; vault: Pick<Vault, 'seal' | 'open'> }

export type SealedSegment = { segment: number; rows: number; digest: string }

const rowsPerSegment = 5_000
/** A backlog takes several runs: one run must not keep the database busy. */
const segmentsPerRun = 100

/** Seals what was written since the last run. Throws `integrity_error` when the newest seal is broken: verify the audit then. */
export async function sealAudit({ auditSegments, vault }: SealAuditPorts): Promise<SealedSegment[]> {
  const sealed: SealedSegment[] = []
  const stored = await auditSegments.last()
  let number = stored?.number ?? 0
  let link: ChainLink = stored === undefined ? startOfChain : openSegment(vault, stored)
  while (sealed.length < segmentsPerRun) {
    const upTo = await auditSegments.settled(link.upTo, rowsPerSegment)
    if (upTo === undefined) break
    const { newestAt, ...found } = await auditSegments.digest(link.upTo, upTo)
    const next = nextSegment(link, { upTo, ...found })
    number++
    const envelope = sealSegment(vault, number, next)
    // Another replica is at it: the next run goes on from there.
    if (newestAt === undefined || !(await auditSegments.add({ number, sealed: envelope, upTo, newestAt }))) break
    sealed.push({ segment: number, rows: next.rows, digest: next.digest })
    link = next
    if (next.rows < rowsPerSegment) break
  }
  return sealed
}

const retiredPerRun = 20

/**
 * Writes into the seals of old segments that their rows may go, which only a holder of the encryption key can; housekeeping
 * throws away the rows of no other segment. Answers how many segments.
 */
export async function retireAudit({ auditSegments, vault }: SealAuditPorts, days: number): Promise<number> {
  let retired = 0
  for (const stored of await auditSegments.unretired(days, retiredPerRun)) {
    if (!stored.isOld) break // rows go from the oldest on
    const envelope = sealSegment(vault, stored.number, { ...openSegment(vault, stored), isRetired: true })
    if (await auditSegments.retire(stored.number, stored.sealed, envelope)) retired++
  }
  return retired
}

const contextOf = (number: number): SealContext => ({
  tenantId: 'installation',
  recordId: String(number),
  field: 'audit_segment',
  version: 0,
})

const sealSegment = (vault: Pick<Vault, 'seal'>, number: number, segment: AuditSegment): Buffer =>
  vault.seal(JSON.stringify(segment), contextOf(number))

/** Throws `integrity_error`. */
export const openSegment = (vault: Pick<Vault, 'open'>, { number, sealed }: StoredSegment): AuditSegment =>
  JSON.parse(vault.open(sealed, contextOf(number))) as AuditSegment // what we sealed ourselves: its integrity was just verified
