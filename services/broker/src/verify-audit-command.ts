import { ServiceError } from '@dromos/contract'
import type { SealAuditPorts } from './flows/seal-audit.js'
import { type AuditProblem, type AuditVerdict, verifyAudit } from './flows/verify-audit.js'
import type { Terminal } from './rotate-keys-command.js'

// Owns what the command `verify-audit` does and says. Does not own the check (flows/verify-audit.ts) or process.* (admin.ts).

export type VerifyAuditOptions = { expect?: string; json?: true }

const quietMs = 2_000

/** True when the audit is what was sealed. Throws `invalid_request` for an `--expect` that is no head. */
export async function verifyAuditCommand(
  ports: SealAuditPorts,
  options: VerifyAuditOptions,
  terminal: Terminal,
): Promise<boolean> {
  const startedAtMs = performance.now()
  const showLater = (segment: number): void => {
    if (performance.now() - startedAtMs > quietMs) terminal.showProgress(`${segment} segments verified`)
  }
  const verdict = await verifyAudit(ports, parseHead(options.expect), showLater)
  if (options.json) terminal.print(JSON.stringify(verdict))
  else for (const line of describe(verdict)) terminal.print(line)
  return verdict.problems.length === 0
}

function parseHead(text: string | undefined): { segment: number; digest: string } | undefined {
  if (text === undefined) return undefined
  const [, segment, digest] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? []
  if (segment === undefined || digest === undefined)
    throw new ServiceError(
      'invalid_request',
      '--expect: give <segment>:<digest>, as "audit sealed" and this command show',
    )
  return { segment: Number(segment), digest }
}

const says: Readonly<Record<AuditProblem['kind'], string>> = {
  missing: 'is missing, or is another than expected',
  seal_broken: 'was not sealed with these keys, or was changed',
  chain_broken: 'does not follow the segment before it',
  rows_changed: 'has rows that were changed, removed or added',
}

function describe({ segments, rows, retired, unsealed, head, problems }: AuditVerdict): string[] {
  const counts = `${segments} segments, ${rows} rows; ${retired} segments past their retention; ${unsealed} rows not sealed yet`
  const found = problems.map(({ segment, kind, range }) => {
    const where = range === undefined ? '' : ` (ids above ${range.after}, up to ${range.upTo})`
    return `segment ${segment} ${says[kind]}${where}`
  })
  return [
    ...(found.length === 0 ? ['the audit is what was sealed'] : found),
    counts,
    ...(head === undefined ? [] : [`head ${head.segment}:${head.digest}`]),
  ]
}
