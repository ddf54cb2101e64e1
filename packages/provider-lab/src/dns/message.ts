import { isIP } from 'node:net'
import { addressBytes } from '../address-bytes.js'

// DNS messages, RFC 1035 section 4: one question, answers of type A and AAAA.

export type Question = { id: number; name: string; type: number; bytes: Buffer }

export const recordTypes = { A: 1, AAAA: 28 } as const

const headerBytes = 12
const classInternet = 1

/** The first question of a query, or undefined when the bytes are no query. */
export function readQuestion(message: Buffer): Question | undefined {
  if (message.length < headerBytes || message.readUInt16BE(4) === 0) return undefined
  const labels: string[] = []
  let at = headerBytes
  for (;;) {
    const length = message[at]
    if (length === undefined || length > 63) return undefined // a pointer has no place in a question
    at += 1
    if (length === 0) break
    labels.push(message.subarray(at, at + length).toString('latin1'))
    at += length
  }
  if (at + 4 > message.length) return undefined
  return {
    id: message.readUInt16BE(0),
    name: labels.join('.').toLowerCase(),
    type: message.readUInt16BE(at),
    bytes: message.subarray(headerBytes, at + 4),
  }
}

/** The answer; `addresses` undefined says that the name does not exist. Of the wrong family they are left out. */
export function writeAnswer(question: Question, addresses: readonly string[] | undefined): Buffer {
  const wanted = question.type === recordTypes.A ? 4 : question.type === recordTypes.AAAA ? 6 : 0
  const records = (addresses ?? []).filter((address) => isIP(address) === wanted).map(record)
  const header = Buffer.alloc(headerBytes)
  header.writeUInt16BE(question.id, 0)
  // QR, AA, RD, RA; RCODE 3 is NXDOMAIN.
  header.writeUInt16BE(0x8580 | (addresses === undefined ? 3 : 0), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(records.length, 6)
  return Buffer.concat([header, question.bytes, ...records])
}

function record(address: string): Buffer {
  const data = addressBytes(address)
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc000 | headerBytes, 0) // the name of the question
  head.writeUInt16BE(isIP(address) === 4 ? recordTypes.A : recordTypes.AAAA, 2)
  head.writeUInt16BE(classInternet, 4)
  head.writeUInt32BE(0, 6) // TTL 0: to be asked again each time, which is what rebinding lives on
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}
