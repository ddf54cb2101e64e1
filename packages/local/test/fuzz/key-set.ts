import { generateKeyPairSync } from 'node:crypto'
import { outboundLimits } from '@dromos/contract'
import { expect } from '@jest/globals'
import fc from 'fast-check'
import { fits, keySetSchema, toJwk, usableKeys } from '../../../../services/broker/src/oauth/signing-key.js'
import { damaged, oddName, oddValue } from './hostile-text.js'
import { expectCleanPrototypes, type FuzzTarget } from './target.js'

const [rsa, ec] = [
  generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' }),
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
]
const members = ['kty', 'use', 'key_ops', 'alg', 'kid', 'n', 'e', 'd', 'crv', 'x', 'y', 'k', 'x5u', 'jku', 'x5c']
const words = fc.constantFrom(
  'RSA',
  'EC',
  'OKP',
  'oct',
  'sig',
  'enc',
  'none',
  'HS256',
  'P-256',
  'Ed25519',
  'AQAB',
  'AQ',
  rsa.n,
  ec.x,
)
const change = fc.dictionary(fc.oneof(fc.constantFrom(...members), oddName), fc.oneof(words, oddValue), { maxKeys: 4 })
const key = fc
  .tuple(fc.constantFrom({ ...rsa }, { ...ec }, {}), change)
  .map(([base, changes]) => ({ ...base, ...changes }))
const text = fc.oneof(
  fc.array(fc.oneof(key, oddValue), { maxLength: 4 }).map((keys) => JSON.stringify({ keys })),
  damaged(JSON.stringify({ keys: [rsa, ec] })),
)

function read(json: string): readonly unknown[] {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return []
  }
  const parsed = keySetSchema.safeParse(value)
  return parsed.success ? usableKeys(parsed.data.keys) : []
}

/** Published keys: only public, strong keys of a known type are kept, and nothing else of what was published reaches them. */
export const keySet: FuzzTarget = {
  name: 'key-set',
  attacks: '(A52) (A53)',
  runs: 2000,
  property: fc.property(text, (json) => {
    const keys = read(json) as ReturnType<typeof usableKeys>
    expect(keys.length).toBeLessThanOrEqual(outboundLimits.keysPerSet)
    for (const each of keys) {
      expect(each).not.toHaveProperty('d')
      expect(each).not.toHaveProperty('k')
      expect(['RSA', 'EC', 'OKP']).toContain(each.kty)
      for (const alg of ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])
        if (fits(each, alg))
          expect(Object.keys(toJwk(each, alg)).filter((name) => !publicMembers.has(name))).toEqual([])
      expect(fits(each, 'none') || fits(each, 'HS256')).toBe(false)
    }
    expectCleanPrototypes()
  }),
  read: (json) => void read(json),
}

const publicMembers = new Set(['kty', 'n', 'e', 'crv', 'x', 'y', 'alg'])
