// Owns that what was started is ended: in reverse order, once, whatever happened. Does not own what it is.

export type Resources = {
  /** Remembers how to end something that was just started. */
  add(end: () => Promise<unknown>): void
  /** Ends everything; a failure to end one thing does not keep the others running. Safe to repeat. */
  endAll(): Promise<void>
}

export function createResources(): Resources {
  const ends: (() => Promise<unknown>)[] = []
  return {
    add: (end) => void ends.push(end),
    async endAll() {
      for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end().catch(() => undefined)
    },
  }
}
