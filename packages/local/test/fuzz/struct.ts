import { loadProtos } from '@dromos/contract'
import { expect } from '@jest/globals'
import fc from 'fast-check'
import { encodeTokenMessage } from '../../../../services/gateway/src/grpc/struct.js'
import { fromStruct } from '../../../../services/gateway/test/grpc/client.js'
import { oddName } from './hostile-text.js'
import { expectCleanPrototypes, type FuzzTarget, unlessRefused } from './target.js'

const service = loadProtos()['nexus.v1.NexusService']
const method = service === undefined || 'format' in service ? undefined : service.GetToken
const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0

/** google.protobuf.Struct: JSON arrives over the real wire as it left, or is refused for its depth. */
export const struct: FuzzTarget = {
  name: 'struct',
  attacks: '(A52)',
  runs: 1000,
  property: fc.property(
    fc.dictionary(fc.oneof(fc.string(), oddName), fc.jsonValue({ maxDepth: 6 }), { maxKeys: 6 }),
    fc.constantFrom(0, 1, 5, 10, 14, 15, 29, 31, 200),
    (object, wrappings) => {
      const wrap = (inner: object): object => ({ inner })
      const deep = Array.from({ length: wrappings }).reduce<object>(wrap, object)
      // JSON has no negative zero; through JSON.parse the broker's answer has none either.
      const plain = JSON.parse(JSON.stringify(deep)) as object
      const bytes = unlessRefused(['broker_invalid_response'], () => encodeTokenMessage(plain))
      if (bytes === undefined) return expect(depthOf(plain)).toBeGreaterThan(25)
      const { token } = method?.responseDeserialize(bytes) as { token: unknown }
      expect(fromStruct(token)).toEqual(plain)
      expectCleanPrototypes()
    },
  ),
}
