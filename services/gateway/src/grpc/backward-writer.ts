/**
 * Writes protobuf wire format from its end to its start: when the head of a nested message is due, its length is known, so
 * nothing is measured first and nothing is moved. https://protobuf.dev/programming-guides/encoding/
 */
export type BackwardWriter = {
  /** Bytes written so far: the position of an end, for `head`. */
  written(): number
  /** Puts tag and length before everything written since `end`. */
  head(tag: number, end: number): void
  /** A length-delimited field of UTF-8; half a surrogate pair becomes U+FFFD, as protobuf allows no other bytes. */
  text(tag: number, value: string): void
  /** A fixed64 field. */
  double(tag: number, value: number): void
  /** A varint field of 0 or 1. */
  flag(tag: number, value: boolean): void
  /** What was written. The writer is of no use afterwards. */
  finish(): Buffer
}

const firstBytes = 4_096
/** A tag, which is one byte here, and the longest length. */
const longestHead = 6

export function createBackwardWriter(): BackwardWriter {
  let buffer = Buffer.allocUnsafe(firstBytes)
  let at = buffer.length

  const reserve = (bytes: number): void => {
    if (bytes <= at) return
    const written = buffer.length - at
    const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, written + bytes))
    buffer.copy(larger, larger.length - written, at)
    at = larger.length - written
    buffer = larger
  }
  const putHead = (tag: number, length: number): void => {
    reserve(longestHead)
    const bytes = length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x200000 ? 3 : length < 0x10000000 ? 4 : 5
    at -= bytes
    let rest = length
    for (let index = 0; index < bytes - 1; index++, rest >>>= 7) buffer[at + index] = (rest & 0x7f) | 0x80
    buffer[at + bytes - 1] = rest
    buffer[--at] = tag
  }

  return {
    written: () => buffer.length - at,
    head: (tag, end) => putHead(tag, buffer.length - at - end),
    text(tag, value) {
      const length = Buffer.byteLength(value)
      reserve(length)
      at -= length
      buffer.write(value, at, length, 'utf8')
      putHead(tag, length)
    },
    double(tag, value) {
      reserve(9)
      at -= 8
      buffer.writeDoubleLE(value, at)
      buffer[--at] = tag
    },
    flag(tag, value) {
      reserve(2)
      buffer[--at] = value ? 1 : 0
      buffer[--at] = tag
    },
    finish: () => buffer.subarray(at),
  }
}
