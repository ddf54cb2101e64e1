import { createHash } from 'node:crypto'

export type Random = {
  /** A number in [0, 1). */
  fraction(): number
  /** `bytes` pseudo-random bytes as lower-case hex. */
  hex(bytes: number): string
}

/** The same seed gives the same sequence, so a failing run can be repeated: SHA-256 over a counter. Not for real secrets. */
export function seededRandom(seed: string): Random {
  let counter = 0
  const block = (): Buffer => createHash('sha256').update(`${seed}:${counter++}`).digest()
  return {
    fraction: () => block().readUInt32BE(0) / 2 ** 32,
    hex: (bytes) => {
      let text = ''
      while (text.length < bytes * 2) text += block().toString('hex')
      return text.slice(0, bytes * 2)
    },
  }
}
