import { ServiceError } from '@dromos/contract'
import { type AuditSegment, type ChainLink, nextSegment, startOfChain } from '../domain/audit-segment.js'
import type { StoredSegment } from './ports/audit.js'
import { openSegment, type SealAuditPorts } from './seal-audit.js'

// Owns the check whether the audit is what was sealed. Does not own sealing: seal-audit.ts.

export type AuditProblem = {
  segment: number
  /** `missing`: a number is not there. `seal_broken`: not sealed by us. `chain_broken`: does not follow the one before. */
  kind: 'missing' | 'seal_broken' | 'chain_broken' | 'rows_changed'
  /** Ids of the rows concerned, `(after, upTo]`, where the seal tells. */
  range?: { after: string; upTo: string }
}

export type AuditVerdict = {
  segments: number
  rows: number
  /** Segments whose rows were thrown away when their time was over. */
  retired: number
  /** Newer rows, not sealed yet: nothing is said about them. */
  unsealed: number
  /** Keep it elsewhere: with it, a chain cut off at its end is noticed too. */
  head: { segment: number; digest: string } | undefined
  problems: AuditProblem[]
}

const pageSize = 200
const mostProblems = 20

/**
 * Computes every segment anew and compares. `expected` is a head that was kept elsewhere: it must be part of the chain.
 * `onProgress` hears the number of each page's last segment.
 */
export async function verifyAudit(
  ports: SealAuditPorts,
  expected: { segment: number; digest: string } | undefined,
  onProgress: (segment: number) => void,
): Promise<AuditVerdict> {
  const verdict: AuditVerdict = { segments: 0, rows: 0, retired: 0, unsealed: 0, head: undefined, problems: [] }
  let number = 0
  // undefined after a gap or a broken seal: there is nothing to compare with, and that was reported already
  let link: ChainLink | undefined = startOfChain
  let isExpectedMet = expected === undefined
  for (;;) {
    const page = await ports.auditSegments.list(number, pageSize)
    for (const stored of page) {
      if (stored.number !== number + 1) {
        verdict.problems.push({ segment: number + 1, kind: 'missing' })
        link = undefined
      }
      const { segment, problem } = await verifySegment(ports, stored, link)
      if (problem !== undefined) verdict.problems.push(problem)
      isExpectedMet ||= stored.number === expected?.segment && segment?.digest === expected.digest
      number = stored.number
      link = segment
      count(verdict, segment)
      if (verdict.problems.length >= mostProblems) return verdict
    }
    if (page.length < pageSize) break
    onProgress(number)
  }
  if (!isExpectedMet) verdict.problems.push({ segment: expected?.segment ?? 0, kind: 'missing' })
  if (number > 0 && link !== undefined) verdict.head = { segment: number, digest: link.digest }
  verdict.unsealed = link === undefined ? 0 : await ports.auditSegments.countAfter(link.upTo)
  return verdict
}

function count(verdict: AuditVerdict, segment: AuditSegment | undefined): void {
  verdict.segments++
  if (segment?.isRetired === true) verdict.retired++
  else verdict.rows += segment?.rows ?? 0
}

type Verified = { segment: AuditSegment | undefined; problem: AuditProblem | undefined }

async function verifySegment(
  { auditSegments, vault }: SealAuditPorts,
  stored: StoredSegment,
  link: ChainLink | undefined,
): Promise<Verified> {
  const segment = tryToOpen(vault, stored)
  if (segment === undefined) return { segment, problem: { segment: stored.number, kind: 'seal_broken' } }
  const { after, upTo, previous, digest } = segment
  const problem = (kind: AuditProblem['kind']): Verified => ({
    segment,
    problem: { segment: stored.number, kind, range: { after, upTo } },
  })
  if (link !== undefined && (previous !== link.digest || after !== link.upTo)) return problem('chain_broken')
  if (segment.isRetired) return { segment, problem: undefined }
  const { rows, rowsDigest } = await auditSegments.digest(after, upTo)
  const computed = nextSegment({ upTo: after, digest: previous }, { upTo, rows, rowsDigest })
  return computed.digest === digest ? { segment, problem: undefined } : problem('rows_changed')
}

function tryToOpen(vault: SealAuditPorts['vault'], stored: StoredSegment): AuditSegment | undefined {
  try {
    return openSegment(vault, stored)
  } catch (error) {
    if (error instanceof ServiceError && error.reason === 'integrity_error') return undefined
    throw error
  }
}
