// Owns what this process remembers of how many consents a tenant has open, so that not every new one is counted. Does not own
// the limit: create-connections.ts.

const goodForMs = 1_000
const mostTenants = 10_000

export type OpenConsents = {
  /**
   * True when a count of less than a second ago, with what this process stored since, is below half of the limit; a new
   * consent then counts as stored. Other processes are not seen meanwhile.
   */
  isFarFrom(limit: number, tenantId: string): boolean
  /** What the database counted, the new ones included. */
  note(tenantId: string, open: number): void
}

/** `nowMs` is monotonic. */
export function rememberOpenConsents(nowMs: () => number): OpenConsents {
  const counts = new Map<string, { open: number; sinceMs: number }>()
  const freshOf = (tenantId: string) => {
    const known = counts.get(tenantId)
    return known !== undefined && nowMs() - known.sinceMs < goodForMs ? known : undefined
  }
  return {
    isFarFrom(limit, tenantId) {
      const known = freshOf(tenantId)
      if (known === undefined || known.open >= limit / 2) return false
      known.open++
      return true
    },
    note(tenantId, open) {
      const known = freshOf(tenantId)
      // Some that were let through may not have been stored when it was counted.
      if (known !== undefined) known.open = Math.max(known.open, open)
      else {
        if (counts.size >= mostTenants) counts.clear()
        counts.set(tenantId, { open, sinceMs: nowMs() })
      }
    },
  }
}
