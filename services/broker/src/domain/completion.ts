import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

// Owns the proofs of the completion step: the code that the browser takes to the application, and the verifier that only
// the application knows, which asked for the consent. Does not own when they are demanded.

/** 256 random bits for the browser's way to the application. */
export const newConnectCode = (): string => randomBytes(32).toString('base64url')

/** What is stored of a code. */
export const digestOfConnectCode = (code: string): Buffer => createHash('sha256').update(code).digest()

// RFC 7636 section 4.2: S256 is 32 bytes in base64url.
export const isCompletionChallenge = (text: string): boolean => /^[A-Za-z0-9_-]{43}$/.test(text)

/** RFC 7636 section 4.6, in constant time. */
export function isVerifierOf(verifier: string, challenge: string): boolean {
  const made = Buffer.from(createHash('sha256').update(verifier).digest('base64url'))
  const asked = Buffer.from(challenge)
  return made.length === asked.length && timingSafeEqual(made, asked)
}
