import { createCipheriv, createHash, createHmac, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { ServiceError } from '@dromos/contract'
import { describe, expect, test } from '@jest/globals'
import type { SealContext } from '../../src/flows/ports/vault.js'
import { createVault } from '../../src/vault/vault.js'

const key = randomBytes(32)
const vault = createVault({ primary: key, retired: [] })
const context: SealContext = { tenantId: 'acme', recordId: 'cn_1', field: 'credentials', version: 3 }
const sealed = vault.seal('{"access_token":"at"}', context)

function refusalOf(open: () => unknown): { reason: string; message: string; cause: unknown } {
  try {
    open()
  } catch (error) {
    if (error instanceof ServiceError) return { reason: error.reason, message: error.message, cause: error.cause }
  }
  throw new Error('it opened')
}
const theOneRefusal = { reason: 'integrity_error', message: 'stored ciphertext did not open', cause: undefined }

describe('the vault', () => {
  test('opens what it sealed, whatever the text', () => {
    for (const text of ['', 'a', 'ünï\u0000cødé 🔑', 'x'.repeat(100_000)])
      expect(vault.open(vault.seal(text, context), context)).toBe(text)
  })

  test('never writes the same envelope twice and keeps the plaintext out of it', () => {
    expect(vault.seal('canary-token', context)).not.toEqual(vault.seal('canary-token', context))
    expect(vault.seal('canary-token', context).includes('canary-token')).toBe(false)
  })

  test.each<[string, Partial<SealContext>]>([
    ['another tenant', { tenantId: 'other' }],
    ['another record', { recordId: 'cn_2' }],
    ['another field', { field: 'orphan' }],
    ['another version', { version: 2 }],
    ['parts shifted against each other', { tenantId: 'acmec', recordId: 'n_1' }],
  ])('a ciphertext does not open under %s (fault 47)', (_name, change) => {
    expect(refusalOf(() => vault.open(sealed, { ...context, ...change }))).toEqual(theOneRefusal)
  })

  test('every single flipped bit of 200 envelopes is refused (A68)', () => {
    let opened = 0
    for (let index = 0; index < 200; index++) {
      const envelope = vault.seal(`token ${index}`, context)
      for (let bit = 0; bit < envelope.length * 8; bit++) {
        const flipped = Buffer.from(envelope)
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        if (opens(flipped)) opened++
      }
    }
    expect(opened).toBe(0)
  })

  test('every truncation and extension is refused with the same sentence (A68)', () => {
    for (let length = 0; length < sealed.length; length++)
      expect(refusalOf(() => vault.open(sealed.subarray(0, length), context))).toEqual(theOneRefusal)
    expect(refusalOf(() => vault.open(Buffer.concat([sealed, Buffer.of(0)]), context))).toEqual(theOneRefusal)
  })

  test('a retired key opens what it sealed, the primary seals anew (fault 48)', () => {
    const rotated = createVault({ primary: randomBytes(32), retired: [key] })
    expect(rotated.open(sealed, context)).toBe('{"access_token":"at"}')
    expect(refusalOf(() => vault.open(rotated.seal('new', context), context))).toEqual(theOneRefusal)
    expect(rotated.keyIds).toEqual([rotated.primaryKeyId, vault.primaryKeyId])
  })

  test('a key id is a public digest and never part of the key (fault 49)', () => {
    const digest = createHash('sha256').update('dromos key id').update(key).digest('hex')
    expect(vault.primaryKeyId).toBe(digest.slice(0, 16))
    const printed = inspect(vault, { depth: 9, showHidden: true }) + JSON.stringify(vault)
    for (const secret of [key.toString('hex'), key.toString('base64'), key.toString('hex').slice(0, 12)])
      expect(printed).not.toContain(secret)
  })

  test('fingerprints tell tokens apart and cannot be computed without the key', () => {
    expect(vault.fingerprint('rt-1')).toEqual(createVault({ primary: key, retired: [] }).fingerprint('rt-1'))
    expect(vault.fingerprint('rt-1')).not.toEqual(vault.fingerprint('rt-2'))
    expect(vault.fingerprint('rt-1')).not.toEqual(createHmac('sha256', key).update('rt-1').digest())
  })

  test('the stored format is the documented one, byte for byte', () => {
    expect(vault.open(sealAsDocumented('by hand', context), context)).toBe('by hand')
  })
})

function opens(envelope: Buffer): boolean {
  try {
    vault.open(envelope, context)
    return true
  } catch {
    return false
  }
}

/** The format again, written from its description alone. */
function sealAsDocumented(plaintext: string, { tenantId, recordId, field, version }: SealContext): Buffer {
  const keyId = createHash('sha256').update('dromos key id').update(key).digest().subarray(0, 8)
  const prefixed = (...parts: (string | Buffer)[]): Buffer =>
    Buffer.concat(
      parts.map((part) => {
        const bytes = Buffer.from(part)
        return Buffer.concat([Buffer.from(bytes.length.toString(16).padStart(8, '0'), 'hex'), bytes])
      }),
    )
  const fixedInput = [
    Buffer.from('00000001', 'hex'),
    Buffer.from('dromos record key v1'),
    Buffer.of(0),
    prefixed(tenantId, recordId, field),
    Buffer.from('00000100', 'hex'),
  ]
  const recordKey = createHmac('sha256', key).update(Buffer.concat(fixedInput)).digest()
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', recordKey, nonce)
  cipher.setAAD(prefixed(Buffer.of(1), keyId, tenantId, recordId, field, String(version)))
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return Buffer.concat([Buffer.of(1), keyId, nonce, body, cipher.getAuthTag()])
}
