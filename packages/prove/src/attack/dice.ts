/** Chances that repeat with the seed. */
export type Dice = {
  /** In [0, 1). */
  fraction(): number
  /** Whole, in [0, below). */
  below(count: number): number
  /** One of them; undefined of none. */
  pick<Item>(items: readonly Item[]): Item | undefined
}

/** Mulberry32: the same seed gives the same throws. Not for secrets. */
export function createDice(seed: number): Dice {
  let state = seed >>> 0
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count: number): number => Math.floor(fraction() * count)
  return { fraction, below, pick: (items) => items[below(items.length)] }
}
