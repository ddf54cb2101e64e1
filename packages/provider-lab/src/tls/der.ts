// DER, X.690: the few types a certificate is made of. Written here because Node reads certificates and makes none.

/** One value: tag, length, content. */
export function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(tag), lengthOf(content.length), content])
}

// X.690 section 8.1.3: below 128 the length itself, else the number of its bytes first.
function lengthOf(length: number): Buffer {
  if (length < 128) return Buffer.of(length)
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(length)
  const significant = bytes.subarray(bytes.findIndex((byte) => byte !== 0))
  return Buffer.concat([Buffer.of(0x80 | significant.length), significant])
}

export const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts)
export const set = (...parts: Buffer[]): Buffer => der(0x31, ...parts)
export const bool = (value: 'true' | 'false'): Buffer => der(0x01, Buffer.of(value === 'true' ? 0xff : 0))
export const octets = (...content: Buffer[]): Buffer => der(0x04, ...content)
export const bits = (content: Buffer, unused = 0): Buffer => der(0x03, Buffer.of(unused), content)
export const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text))

/** Positive, of any length: a leading zero keeps the first bit from meaning minus. */
export function integer(value: Buffer): Buffer {
  const isNegative = (value[0] ?? 0) >= 0x80
  return der(0x02, isNegative ? Buffer.concat([Buffer.of(0), value]) : value)
}

/** Dotted, as `2.5.29.17`. X.690 section 8.19: base 128, the first two arcs in one. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return der(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)))
}

function base128(arc: number): number[] {
  const bytes = [arc & 0x7f]
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) bytes.unshift((left & 0x7f) | 0x80)
  return bytes
}

/** RFC 5280 section 4.1.2.5: UTCTime up to 2049, which is further than any test lives. */
export const utcTime = (date: Date): Buffer =>
  der(0x17, Buffer.from(`${date.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`))

/** `[n]`, with a content of its own (constructed) or in place of another type (primitive). */
export const tagged = (n: number, form: 'constructed' | 'primitive', ...content: Buffer[]): Buffer =>
  der((form === 'constructed' ? 0xa0 : 0x80) | n, ...content)
