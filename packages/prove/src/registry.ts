import type { Proof } from './proof.js'
import { exactlyOnce } from './proofs/exactly-once.js'

/** Every proof, in the order in which they run. */
export const proofs: readonly Proof[] = [exactlyOnce]
