import type { Counted, Rotation } from '../../domain/key-rotation.js'

// What the flows require of whoever seals secrets, and of whoever keeps what a change of key needs.

/** What a ciphertext is bound to: it opens in no other row, field or version (AAD). */
export type SealContext = {
  tenantId: string
  recordId: string
  field:
    | 'credentials'
    | 'captured'
    | 'orphan'
    | 'flow_secrets'
    | 'client_secrets'
    | 'idempotent_answer'
    | 'audit_segment'
    | 'canary'
  version: number
}

export type Vault = {
  seal(plaintext: string, context: SealContext): Buffer
  /** Throws `integrity_error`, the same for every kind of wrong. */
  open(envelope: Buffer, context: SealContext): string
  /** Keyed digest of a refresh token, for telling two apart without keeping them. */
  fingerprint(secret: string): Buffer
}

/** One sealed constant per encryption key in use, so that a start with a wrong key is noticed. */
export type CanaryStore = {
  list(): Promise<{ keyId: string; envelope: Buffer }[]>
  /** Keeps the first one when two processes start at once. */
  add(keyId: string, envelope: Buffer): Promise<void>
  remove(keyId: string): Promise<void>
}

/** A stored ciphertext: where it is and what it is bound to. */
export type SealedRow = { key: readonly string[]; sealed: Buffer; context: SealContext }

export type ResealStore = {
  /** Names of everything that is stored sealed, in the order of a walk. */
  sources: readonly string[]
  /** The next rows after `after` in the order of their keys; of those, `rows` were sealed by another key than `keyId`. */
  window(
    source: string,
    after: readonly string[] | undefined,
    limit: number,
    keyId: string,
  ): Promise<{ rows: SealedRow[]; lookedAt: number; last: readonly string[] | undefined }>
  /** The next rows in the same order, counted by the id of their key; those under `keyId` are left out. */
  count(source: string, after: readonly string[] | undefined, limit: number, keyId: string): Promise<Counted>
  /** Compare-and-set on the ciphertext; waits for nobody. Answers how many were changed. */
  replace(source: string, changes: readonly { key: readonly string[]; from: Buffer; to: Buffer }[]): Promise<number>
  /** Begins a rotation, or begins a finished one again. */
  request(keyId: string): Promise<void>
  latest(): Promise<Rotation | undefined>
  adjust(keyId: string, change: { isPaused?: boolean | undefined; rowsPerSecond?: number | undefined }): Promise<void>
  /** Takes the rotation for this process for ten seconds from each `save`; undefined when there is none to work on. */
  take(keyId: string): Promise<Rotation | undefined>
  /** False when another process has taken over. */
  save(rotation: Rotation): Promise<boolean>
  finish(rotation: Rotation): Promise<boolean>
}
