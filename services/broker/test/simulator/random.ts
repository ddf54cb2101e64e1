/** Numbers that follow from a seed alone: the same seed plays the same run on every machine. */
export type Random = {
  /** In [0, 1). */
  fraction(): number
  /** A whole number in [from, to]. */
  between(from: number, to: number): number
  chance(probability: number): boolean
  pick<T>(choices: readonly T[]): T
}

/** mulberry32: 32 bits of state, a few nanoseconds per number, good enough to choose faults with. */
export function createRandom(seed: number): Random {
  // Neighbouring seeds must not play similar runs.
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 0
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const between = (from: number, to: number): number => from + Math.floor(fraction() * (to - from + 1))
  return {
    fraction,
    between,
    chance: (probability) => fraction() < probability,
    pick(choices) {
      const choice = choices[between(0, choices.length - 1)]
      if (choice === undefined) throw new Error('nothing to pick from')
      return choice
    },
  }
}
