import { randomFillSync } from 'node:crypto'

// Owns random bytes for ids, one-time secrets and nonces. To ask the generator takes longer than all else there is to an id,
// however little is asked for: so much is drawn at once, as Node's own `randomUUID` does.

const drawn = Buffer.alloc(4096)
let given = drawn.length

/** Bytes of the cryptographic generator, at most 4096. None is given twice, nor kept here once it is given. */
export function drawRandom(length: number): Buffer {
  if (length > drawn.length) throw new RangeError(`at most ${drawn.length} random bytes at once`)
  if (given + length > drawn.length) {
    randomFillSync(drawn)
    given = 0
  }
  const from = given
  given += length
  const bytes = Buffer.from(drawn.subarray(from, given))
  drawn.fill(0, from, given)
  return bytes
}
