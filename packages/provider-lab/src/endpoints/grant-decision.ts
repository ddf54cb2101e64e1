import type { Answer } from '../answer.js'
import type { MintRequest } from '../mint.js'

/** A refused grant is an answer; a granted one says what to mint. */
export type GrantDecision = Answer | { mint: MintRequest; plan: 'new' | 'same' | 'omitted' }
