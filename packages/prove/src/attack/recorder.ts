import type { Secrets } from './secrets.js'

// Owns what was seen: how often what was done, and what should never happen. Does not own what that is.

export type Seen = { count: number; sample: string }

export type Recorder = {
  did(what: string): void
  /** Something that may never happen. The first sample of a kind is kept, without secrets. */
  violated(rule: string, sample: string): void
  /** An error that no page documents. It is a violation too. */
  unclassified(what: string, sample: string): void
  report(): { did: Record<string, number>; violations: Record<string, Seen>; unclassified: Record<string, Seen> }
}

export function createRecorder(secrets: Secrets): Recorder {
  const counts = new Map<string, number>()
  const violations = new Map<string, Seen>()
  const unknown = new Map<string, Seen>()
  const note = (seen: Map<string, Seen>, what: string, sample: string): void => {
    const earlier = seen.get(what)
    if (earlier === undefined) seen.set(what, { count: 1, sample: secrets.redact(sample) })
    else earlier.count++
  }
  return {
    did: (what) => void counts.set(what, (counts.get(what) ?? 0) + 1),
    violated: (rule, sample) => note(violations, rule, sample),
    unclassified: (what, sample) => note(unknown, what, sample),
    report: () => ({
      did: Object.fromEntries([...counts].sort()),
      violations: Object.fromEntries(violations),
      unclassified: Object.fromEntries(unknown),
    }),
  }
}
