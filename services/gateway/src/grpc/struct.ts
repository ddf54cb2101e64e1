import { ServiceError } from '@dromos/contract'
import { createBackwardWriter, type BackwardWriter } from './backward-writer.js'

// Owns how a JSON object becomes google.protobuf.Struct on the wire. Field numbers are those of google/protobuf/struct.proto.
// Written by hand: through the generic encoder a token answer costs twice as much, and a plain object would arrive as
// an empty Struct, without an error.

// Decoders of other languages stop at 100 nested messages; a Value inside a Struct counts three.
const maxDepth = 30

/**
 * The message `{ google.protobuf.Struct token = 1 }`, which GetToken and RefreshConnection answer with. Numbers become
 * doubles, so integers beyond 2^53 lose digits. Members that JSON does not know (undefined) are left out.
 * Throws `broker_invalid_response` when the nesting is deeper than decoders accept.
 */
export function encodeTokenMessage(token: object): Buffer {
  const writer = createBackwardWriter()
  writeStruct(writer, token, 0)
  writer.head(tag(1, lengthDelimited), 0)
  return writer.finish()
}

const lengthDelimited = 2
const fixed64 = 1
const varint = 0
const tag = (field: number, wireType: number): number => (field << 3) | wireType

/** Struct: `map<string, Value> fields = 1`; on the wire each member is a message { key = 1, value = 2 }. */
function writeStruct(writer: BackwardWriter, object: object, depth: number): void {
  refuseBelow(depth)
  const members: [string, unknown][] = Object.entries(object)
  for (let index = members.length - 1; index >= 0; index--) {
    const [name, value] = members[index] ?? ['', undefined]
    if (value === undefined) continue
    const end = writer.written()
    writeValue(writer, value, depth + 1)
    writer.head(tag(2, lengthDelimited), end)
    writer.text(tag(1, lengthDelimited), name)
    writer.head(tag(1, lengthDelimited), end)
  }
}

/** Value: one of null 1, number 2, string 3, bool 4, Struct 5, ListValue 6. */
function writeValue(writer: BackwardWriter, value: unknown, depth: number): void {
  const end = writer.written()
  switch (typeof value) {
    case 'string':
      return writer.text(tag(3, lengthDelimited), value)
    case 'number':
      return writer.double(tag(2, fixed64), value)
    case 'boolean':
      return writer.flag(tag(4, varint), value)
    case 'object':
      if (value === null) return writer.flag(tag(1, varint), false)
      if (Array.isArray(value)) writeList(writer, value, depth + 1)
      else writeStruct(writer, value, depth)
      return writer.head(tag(Array.isArray(value) ? 6 : 5, lengthDelimited), end)
    case 'undefined': // in a list, as JSON has it
      return writer.flag(tag(1, varint), false)
    default:
      throw new TypeError(`JSON has no ${typeof value}`)
  }
}

/** ListValue: `repeated Value values = 1`. */
function writeList(writer: BackwardWriter, list: readonly unknown[], depth: number): void {
  refuseBelow(depth)
  for (let index = list.length - 1; index >= 0; index--) {
    const end = writer.written()
    writeValue(writer, list[index], depth)
    writer.head(tag(1, lengthDelimited), end)
  }
}

function refuseBelow(depth: number): void {
  if (depth > maxDepth) throw new ServiceError('broker_invalid_response', 'the answer is nested too deeply for gRPC')
}
