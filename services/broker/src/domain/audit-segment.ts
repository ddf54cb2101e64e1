import { createHash } from 'node:crypto'

/** A run of audit rows as it was sealed: the rows with ids above `after`, up to and with `upTo`. Ids are decimal text. */
export type AuditSegment = {
  after: string
  upTo: string
  rows: number
  /** Hex SHA-256 over the rows, the bounds and `previous`: whoever kept one digest can prove all rows before it. */
  digest: string
  /** Digest of the segment before; empty in the first. */
  previous: string
  /** The retention time of its rows is over: they may be gone. */
  isRetired: boolean
}

/** What a segment follows. */
export type ChainLink = Pick<AuditSegment, 'upTo' | 'digest'>

/** Below every id a row can have: nothing can be slipped in before the first segment. */
export const startOfChain: ChainLink = { upTo: '-9223372036854775808', digest: '' }

/** The segment that follows. `rowsDigest` is what the store computed over the rows. */
export function nextSegment(
  before: ChainLink,
  { upTo, rows, rowsDigest }: { upTo: string; rows: number; rowsDigest: string },
): AuditSegment {
  const link = { after: before.upTo, previous: before.digest }
  const digest = createHash('sha256')
    .update(JSON.stringify([link.previous, link.after, upTo, rows, rowsDigest]))
    .digest('hex')
  return { ...link, upTo, rows, digest, isRetired: false }
}
