import { createDecipheriv } from 'node:crypto'
import { ServiceError } from '@dromos/contract'

const nonceLength = 12
const tagLength = 16

/**
 * Opens a token blob of the Go system: standard base64 of nonce (12 bytes) ‖ AES-256-GCM ciphertext ‖ tag (16), no AAD. For
 * importing only: without AAD a blob opens in any row, so it must be sealed anew at once. Throws `integrity_error`, the same
 * for every kind of wrong.
 */
export function openLegacyBlob(blob: string, key: Buffer): string {
  try {
    const bytes = Buffer.from(blob, 'base64')
    // Node's decoder skips what is no base64; only the canonical spelling is one the Go system wrote.
    if (bytes.length < nonceLength + tagLength || bytes.toString('base64') !== blob) throw new Error('not a blob')
    const nonce = bytes.subarray(0, nonceLength)
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength })
    decipher.setAuthTag(bytes.subarray(bytes.length - tagLength))
    const body = bytes.subarray(nonceLength, bytes.length - tagLength)
    return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
  } catch {
    throw new ServiceError('integrity_error', 'stored ciphertext did not open')
  }
}
