/** What a load generator needs to know of an answer. `head` holds the status line and the headers. */
export type HttpAnswer = { status: number; head: string; closes: boolean }

export type AnswerReader = { read(chunk: Buffer): HttpAnswer | undefined }

const endOfHead = Buffer.from('\r\n\r\n')
const endOfChunks = Buffer.from('\r\n0\r\n\r\n')

/**
 * Reads HTTP/1.1 answers (RFC 9112) of one connection without pipelining, as our servers write them: with Content-Length, or
 * chunked without trailers. Answers undefined until the answer is complete.
 */
export function createAnswerReader(): AnswerReader {
  let held: Buffer | undefined
  return {
    read(chunk) {
      const bytes = held === undefined ? chunk : Buffer.concat([held, chunk])
      const answer = parse(bytes)
      held = answer === undefined ? bytes : undefined
      return answer
    },
  }
}

function parse(bytes: Buffer): HttpAnswer | undefined {
  const headLength = bytes.indexOf(endOfHead)
  if (headLength < 0) return undefined
  const head = bytes.toString('latin1', 0, headLength)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  const bodyStart = headLength + endOfHead.length
  // The blank line before an empty chunked body belongs to the head.
  const isComplete =
    length !== undefined
      ? bytes.length >= bodyStart + Number(length)
      : !/\r\ntransfer-encoding: *chunked/i.test(head) || bytes.indexOf(endOfChunks, headLength + 2) >= 0
  if (!isComplete) return undefined
  return { status: Number(head.slice(9, 12)), head, closes: /\r\nconnection: *close/i.test(head) }
}
