import { expect } from '@jest/globals'
import fc from 'fast-check'
import type { SealContext } from '../../../../services/broker/src/flows/ports/vault.js'
import { createVault } from '../../../../services/broker/src/vault/vault.js'
import { type FuzzTarget, unlessRefused } from './target.js'

const vault = createVault({ primary: Buffer.alloc(32, 1), retired: [Buffer.alloc(32, 2)] })
const context: SealContext = { tenantId: 'acme', recordId: 'cn_1', field: 'credentials', version: 3 }
const plaintext = '{"accessToken":"at-1","refreshToken":"rt-1"}'

const open = (envelope: Buffer) => unlessRefused(['integrity_error'], () => vault.open(envelope, context))

const damage: fc.Arbitrary<(envelope: Buffer) => Buffer> = fc.oneof(
  fc.nat(10_000).map((bit) => (envelope: Buffer) => {
    const at = bit % (envelope.length * 8)
    const flipped = Buffer.from(envelope)
    flipped[at >> 3] = (flipped[at >> 3] ?? 0) ^ (1 << (at & 7))
    return flipped
  }),
  fc.nat(200).map((length) => (envelope: Buffer) => envelope.subarray(0, length % envelope.length)),
  fc.uint8Array({ minLength: 1, maxLength: 20 }).map((tail) => (envelope: Buffer) => Buffer.concat([envelope, tail])),
  fc.uint8Array({ minLength: 1, maxLength: 60 }).map((head) => (envelope: Buffer) => Buffer.concat([head, envelope.subarray(head.length)])),
  fc.uint8Array({ maxLength: 120 }).map((bytes) => () => Buffer.from(bytes)),
) // prettier-ignore

/** The envelope decoder: what was not sealed so, to the bit, does not open, and there is one refusal for all of it. */
export const envelope: FuzzTarget = {
  name: 'envelope',
  attacks: '(A68)',
  runs: 3000,
  property: fc.property(damage, (change) => {
    const sealed = vault.seal(plaintext, context)
    const changed = change(sealed)
    expect(open(changed)).toBe(changed.equals(sealed) ? plaintext : undefined)
  }),
  read: (text) => void open(Buffer.from(text)),
}
