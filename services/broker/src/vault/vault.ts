// Owns sealing and opening of secrets at rest, and the format of what is stored.
// Does not own which fields are sealed (postgres/), where keys come from (config.ts) or the check at start (flows/).
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, type KeyObject } from 'node:crypto'
import { ServiceError } from '@dromos/contract'
import { drawRandom } from '../domain/draw-random.js'
import type { SealContext, Vault } from '../flows/ports/vault.js'
import { createKeyRing, keyIdLength, type EncryptionKeys, type RingKey } from './key-ring.js'

// version (1 byte) ‖ key id (8) ‖ nonce (12) ‖ ciphertext ‖ tag (16)
const formatVersion = 1
const nonceLength = 12
const tagLength = 16
const headerLength = 1 + keyIdLength + nonceLength

export type KeyedVault = Vault & {
  primaryKeyId: string
  keyIds: readonly string[]
  keyIdOf(envelope: Buffer): string
}

/** AES-256-GCM under a key of each record's own. Key ids are lower-case hex. */
export function createVault(keys: EncryptionKeys): KeyedVault {
  const ring = createKeyRing(keys)
  const fingerprintKey = Buffer.from(hkdfSync('sha256', ring.primary.secret, '', 'dromos token fingerprint v1', 32))
  return {
    primaryKeyId: ring.primary.id.toString('hex'),
    keyIds: ring.ids,
    keyIdOf,
    seal: (plaintext, context) => sealWith(ring.primary, plaintext, context),
    open(envelope, context) {
      try {
        const key = ring.find(envelope.subarray(1, 1 + keyIdLength))
        if (key === undefined || envelope[0] !== formatVersion || envelope.length < headerLength + tagLength)
          throw refusal()
        return openWith(key, envelope, context)
      } catch {
        // One answer for every kind of wrong, without a cause: nothing to learn from it (ASVS 11.2.5).
        throw refusal()
      }
    },
    // Changes with the primary key: tokens fingerprinted before a rotation compare as different afterwards.
    fingerprint: (secret) => createHmac('sha256', fingerprintKey).update(secret).digest(),
  }
}

/** Id of the key that sealed an envelope, lower-case hex; it says nothing about whether the envelope opens. */
export const keyIdOf = (envelope: Buffer): string => envelope.subarray(1, 1 + keyIdLength).toString('hex')

const refusal = (): ServiceError => new ServiceError('integrity_error', 'stored ciphertext did not open')

function sealWith(key: RingKey, plaintext: string, context: SealContext): Buffer {
  const nonce = drawRandom(nonceLength)
  return withRecordKey(key.secret, context, (recordKey) => {
    const cipher = createCipheriv('aes-256-gcm', recordKey, nonce, { authTagLength: tagLength })
    cipher.setAAD(additionalData(key.id, context))
    const body = cipher.update(plaintext, 'utf8')
    const end = cipher.final()
    return Buffer.concat([Buffer.of(formatVersion), key.id, nonce, body, end, cipher.getAuthTag()])
  })
}

function openWith(key: RingKey, envelope: Buffer, context: SealContext): string {
  const nonce = envelope.subarray(1 + keyIdLength, headerLength)
  const body = envelope.subarray(headerLength, envelope.length - tagLength)
  return withRecordKey(key.secret, context, (recordKey) => {
    // Without authTagLength GCM would accept tags cut down to 4 bytes.
    const decipher = createDecipheriv('aes-256-gcm', recordKey, nonce, { authTagLength: tagLength })
    decipher.setAAD(additionalData(key.id, context))
    decipher.setAuthTag(envelope.subarray(envelope.length - tagLength))
    // Decoded only after final(): until then the bytes are not authentic.
    return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
  })
}

const kdfLabel = Buffer.from('\0\0\0\x01dromos record key v1\0', 'latin1')
const kdfOutputBits = Buffer.of(0, 0, 1, 0)

/**
 * SP 800-108r1 section 4.1, counter mode with HMAC-SHA-256, one block: [1] ‖ label ‖ 0x00 ‖ context ‖ [256]. With a key of
 * its own a record meets some hundred nonces in its life, far below the 2^32 messages that random nonces allow (SP 800-38D
 * section 8.3).
 */
function withRecordKey<T>(secret: KeyObject, context: SealContext, use: (recordKey: Buffer) => T): T {
  const { tenantId, recordId, field } = context
  const input = [kdfLabel, lengthPrefixed([tenantId, recordId, field]), kdfOutputBits]
  const recordKey = createHmac('sha256', secret).update(Buffer.concat(input)).digest()
  try {
    return use(recordKey)
  } finally {
    recordKey.fill(0)
  }
}

function additionalData(keyId: Buffer, context: SealContext): Buffer {
  const { tenantId, recordId, field, version } = context
  return lengthPrefixed([Buffer.of(formatVersion), keyId, tenantId, recordId, field, String(version)])
}

// Length prefixes keep ("ab", "c") and ("a", "bc") apart. One allocation: this runs for every token that is read.
function lengthPrefixed(parts: readonly (string | Buffer)[]): Buffer {
  const lengths = parts.map((part) => Buffer.byteLength(part))
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + 4 + length, 0))
  let at = 0
  parts.forEach((part, index) => {
    at = bytes.writeUInt32BE(lengths[index] ?? 0, at)
    at += typeof part === 'string' ? bytes.write(part, at) : part.copy(bytes, at)
  })
  return bytes
}
