/** Reads `how.value` of a switch; anything of another type means the switch's default. */
export const numberOr = (value: unknown, fallback: number): number => (typeof value === 'number' ? value : fallback)

/** Numbers are written out: `Retry-After` is often given as one. */
export const textOr = (value: unknown, fallback: string): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : fallback
