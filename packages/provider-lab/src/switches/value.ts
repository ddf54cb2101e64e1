/** Reads `how.value` of a switch; anything of another type means the switch's default. */
export const numberOr = (value: unknown, fallback: number): number => (typeof value === 'number' ? value : fallback)

export const textOr = (value: unknown, fallback: string): string => (typeof value === 'string' ? value : fallback)
