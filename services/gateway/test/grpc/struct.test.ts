import { describe, expect, test } from '@jest/globals'
import { loadProtos, ServiceError } from '@dromos/contract'
import fc from 'fast-check'
import { encodeTokenMessage } from '../../src/grpc/struct.js'
import { fromStruct } from './client.js'

/** Through the decoder of protobufjs, as a client in another process would see it. */
function overTheWire(object: object): Record<string, unknown> {
  const service = loadProtos()['nexus.v1.NexusService']
  if (service === undefined || 'format' in service) throw new Error('no service')
  const { GetToken: method } = service
  if (method === undefined) throw new Error('no method')
  const { token } = method.responseDeserialize(encodeTokenMessage(object)) as { token: unknown }
  return fromStruct(token)
}

describe('a JSON object sent as google.protobuf.Struct', () => {
  test('arrives with every kind of value JSON has', () => {
    const object = {
      text: 'a',
      empty: '',
      zero: 0,
      half: -0.5,
      yes: true,
      no: false,
      nothing: null,
      list: [1, ['x'], {}],
    }
    expect(overTheWire({ ...object, nested: { object } })).toEqual({ ...object, nested: { object } })
  })

  test('arrives as it left, whatever JSON it is', () => {
    const json = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }))
    fc.assert(
      fc.property(json, (object) => {
        // JSON has no negative zero; through JSON.parse the broker's answer has none either.
        const plain = JSON.parse(JSON.stringify(object)) as object
        expect(overTheWire(plain)).toEqual(plain)
      }),
    )
  })

  test.each([0, 1, 127, 128, 4_090, 16_383, 16_384, 70_000, 2_100_000])(
    'arrives whole with a text of %d bytes',
    (length) => {
      const object = { before: 1.5, text: 'x'.repeat(length), list: ['é'.repeat(length / 2)], after: true }
      expect(overTheWire(object)).toEqual(object)
    },
  )

  test('arrives in valid UTF-8 whatever the text: half a surrogate pair becomes U+FFFD', () => {
    expect(overTheWire({ 'a\ud800': 'b\udc00c', whole: '😀' })).toEqual({ 'a\ufffd': 'b\ufffdc', whole: '😀' })
  })

  test('keeps a member named __proto__ as data and leaves every prototype alone', () => {
    const arrived = overTheWire(JSON.parse('{"__proto__":{"polluted":true},"constructor":"c","a":1}') as object)
    expect(Object.entries(arrived)).toContainEqual(['constructor', 'c'])
    expect(Object.entries(arrived)).toContainEqual(['__proto__', { polluted: true }])
    expect('polluted' in {}).toBe(false)
  })

  test('leaves out members that are undefined', () => {
    expect(overTheWire({ a: undefined, b: 1 })).toEqual({ b: 1 })
  })

  test.each(['objects', 'lists'])('is refused when its %s are nested deeper than decoders accept', (kind) => {
    const deep = Array.from({ length: 40 }).reduce((inner) => (kind === 'lists' ? [inner] : { inner }), 1)
    expect(() => encodeTokenMessage({ deep })).toThrow(ServiceError)
  })
})

test('a plain object in place of a Struct arrives empty, which is why the conversion exists', () => {
  const service = loadProtos()['nexus.v1.NexusService']
  const method = service !== undefined && !('format' in service) ? service.GetToken : undefined
  const bytes = method?.responseSerialize({ token: { access_token: 'at' } })
  expect(bytes?.length).toBeLessThan(5)
})
