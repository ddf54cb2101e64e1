// Owns the bytes of HTTP/2 (RFC 9113) and of its headers (HPACK, RFC 7541) that a load generator sends, and the frames it gets.

export const frameType = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const
export const endStream = 0x1
const endHeaders = 0x4
export const ack = 0x1

const headerLength = 9
const largestWindow = 0x7fff_ffff
const initialWindow = 65_535

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(headerLength)
  header.writeUIntBE(payload.length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(stream, 5)
  return Buffer.concat([header, payload])
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const initialWindowSize = Buffer.from([0, 4])

/** What a client says first. Windows are as large as they may be: a load generator reads everything at once. */
export const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(frameType.settings, 0, 0, Buffer.concat([initialWindowSize, uint32(largestWindow)])),
  widen(largestWindow - initialWindow),
])

/** Lets the server send so many more bytes on this connection. */
export function widen(bytes: number): Buffer {
  return frame(frameType.windowUpdate, 0, 0, uint32(bytes))
}

/** A whole request; `stream` is written into it by `addressed`. */
export type RequestFrames = { bytes: Buffer; dataAt: number }

export function requestFrames(headers: Record<string, string>, body: Buffer): RequestFrames {
  const head = frame(frameType.headers, endHeaders, 0, Buffer.concat(Object.entries(headers).map(literalHeader)))
  return { bytes: Buffer.concat([head, frame(frameType.data, endStream, 0, body)]), dataAt: head.length }
}

/** A copy of the request for that stream. */
export function addressed({ bytes, dataAt }: RequestFrames, stream: number): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUInt32BE(stream, 5)
  copy.writeUInt32BE(stream, dataAt + 5)
  return copy
}

// RFC 7541 section 6.2.2 with a new name: neither side has to remember it. Longer texts would need a longer length.
function literalHeader([name, value]: [string, string]): Buffer {
  const texts = [name, value].map((text) => Buffer.from(text))
  if (texts.some((text) => text.length > 126)) throw new Error(`the header ${name} is too long for this encoder`)
  return Buffer.concat([Buffer.of(0), ...texts.flatMap((text) => [Buffer.of(text.length), text])])
}

export type Frame = { type: number; flags: number; stream: number; payload: Buffer }

export type FrameReader = { read(chunk: Buffer): Frame[] }

export function createFrameReader(): FrameReader {
  let held: Buffer = Buffer.alloc(0)
  return {
    read(chunk) {
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      const frames: Frame[] = []
      let start = 0
      while (start + headerLength <= bytes.length) {
        const end = start + headerLength + bytes.readUIntBE(start, 3)
        if (end > bytes.length) break
        frames.push({
          type: bytes[start + 3] ?? 0,
          flags: bytes[start + 4] ?? 0,
          stream: bytes.readUInt32BE(start + 5) & largestWindow,
          payload: bytes.subarray(start + headerLength, end),
        })
        start = end
      }
      held = bytes.subarray(start)
      return frames
    },
  }
}
