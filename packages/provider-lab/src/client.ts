import type { JsonWebKey } from 'node:crypto'
import type { ClientAuthMethod } from './options.js'

export type LabClient = {
  id: string
  /** Undefined for a client that has none to keep. */
  secret: string | undefined
  auth: ClientAuthMethod
  /** The public key of `private_key_jwt`. */
  jwk: JsonWebKey | undefined
  /** Compared exactly; undefined takes every absolute http(s) URI. */
  redirectUris: readonly string[] | undefined
  /** Which certificate `self_signed_tls_client_auth` takes, by its SHA-256 thumbprint (base64url). */
  certificateThumbprint: string | undefined
}

/** A problem is for the person who reads the refusal. */
export type FoundClient = { client: LabClient } | { problem: string }
