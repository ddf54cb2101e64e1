import type { Answer } from '../answer.js'
import type { LabClient } from '../client.js'
import type { MintRequest } from '../mint.js'

/** A refused grant is an answer; a granted one says what to mint. */
export type GrantDecision = Answer | { mint: MintRequest; plan: 'new' | 'same' | 'omitted' }

/** A token request once it is known who sends it and which key its tokens are bound to. */
export type TokenRequest = { form: Record<string, string>; client: LabClient; thumbprint: string | undefined }
