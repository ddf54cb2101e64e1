import { ServiceError } from '@dromos/contract'

/** `google.protobuf.Value` as proto-loader takes it; exactly one member is set. */
export type Value =
  | { nullValue: 0 }
  | { numberValue: number }
  | { stringValue: string }
  | { boolValue: boolean }
  | { structValue: Struct }
  | { listValue: { values: Value[] } }

/** `google.protobuf.Struct` as proto-loader takes it. */
export type Struct = { fields: Record<string, Value> }

// Decoders of other languages stop at 100 nested messages; a Value inside a Struct counts three.
const maxDepth = 30

/**
 * Converts a JSON object explicitly: a plain object given to the encoder would arrive as an empty Struct, without an error.
 * Numbers become doubles, so integers beyond 2^53 lose digits. Members that JSON does not know (undefined) are left out.
 * Throws `broker_invalid_response` when the nesting is deeper than decoders accept.
 */
export function toStruct(object: object, depth = 0): Struct {
  if (depth > maxDepth) throw new ServiceError('broker_invalid_response', 'the answer is nested too deeply for gRPC')
  const members = Object.entries(object).filter(([, value]) => value !== undefined)
  // fromEntries defines own properties, so that a member named __proto__ is data like any other.
  return { fields: Object.fromEntries(members.map(([name, value]) => [name, toValue(value, depth + 1)])) }
}

function toValue(value: unknown, depth: number): Value {
  if (value === null || value === undefined) return { nullValue: 0 }
  if (typeof value === 'number') return { numberValue: value }
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (Array.isArray(value)) return { listValue: { values: toValues(value, depth + 1) } }
  if (typeof value === 'object') return { structValue: toStruct(value, depth) }
  throw new TypeError(`JSON has no ${typeof value}`)
}

function toValues(list: readonly unknown[], depth: number): Value[] {
  if (depth > maxDepth) throw new ServiceError('broker_invalid_response', 'the answer is nested too deeply for gRPC')
  return list.map((each) => toValue(each, depth))
}
