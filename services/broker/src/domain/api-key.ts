import { hash, randomInt, timingSafeEqual } from 'node:crypto'
import type { ApiKey } from './caller.js'

const lowerCase = '0123456789abcdefghijklmnopqrstuvwxyz'
const mixedCase = `${lowerCase}ABCDEFGHIJKLMNOPQRSTUVWXYZ`

const randomText = (alphabet: string, length: number): string =>
  Array.from({ length }, () => alphabet.charAt(randomInt(alphabet.length))).join('')

/** A new key: 82 public random bits and 256 secret ones. */
export const newApiKey = (): ApiKey => ({ keyId: `dk_${randomText(lowerCase, 16)}`, secret: randomText(mixedCase, 43) })

/** The text a caller presents. */
export const formatApiKey = (key: ApiKey): string => `${key.keyId}_${key.secret}`

/**
 * What is stored of a secret: its SHA-256, 32 bytes. A slow password hash would add nothing against 256 random bits
 * (ASVS 11.4.1, 11.5.1).
 */
export const digestOfSecret = (secret: string): Buffer => hash('sha256', secret, 'buffer')

/** Compares two digests in constant time. */
export const isSameDigest = (one: Buffer, other: Buffer): boolean =>
  one.length === other.length && timingSafeEqual(one, other)
