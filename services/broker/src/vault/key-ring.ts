import { createHash, createSecretKey, type KeyObject } from 'node:crypto'

/** The key that seals and the keys that still open what was sealed before a rotation; 32 bytes each. */
export type EncryptionKeys = { primary: Buffer; retired: readonly Buffer[] }

/** A key as a KeyObject: it cannot be printed or serialised by mistake. `id` is public. */
export type RingKey = { id: Buffer; secret: KeyObject }

export type KeyRing = { primary: RingKey; find(id: Buffer): RingKey | undefined; ids: readonly string[] }

export const keyIdLength = 8

/** Throws when a key is not 32 bytes long; configuration has checked that before. */
export function createKeyRing(keys: EncryptionKeys): KeyRing {
  const primary = toRingKey(keys.primary)
  const byId = new Map([primary, ...keys.retired.map(toRingKey)].map((key) => [key.id.toString('hex'), key]))
  return { primary, find: (id) => byId.get(id.toString('hex')), ids: [...byId.keys()] }
}

/** Public name of a key: the first 8 bytes of a SHA-256 with a prefix of its own, so that it is no digest of anything else. */
function keyIdOf(key: Buffer): Buffer {
  return createHash('sha256').update('dromos key id').update(key).digest().subarray(0, keyIdLength)
}

function toRingKey(key: Buffer): RingKey {
  if (key.length !== 32) throw new Error('an encryption key must be 32 bytes long')
  return { id: keyIdOf(key), secret: createSecretKey(key) }
}
