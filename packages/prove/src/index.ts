export { startDatabaseServer, type DatabaseServer } from './database.js'
export { type Finding, type Proof } from './proof.js'
export { proofs } from './registry.js'
export { type ProofResult, runProof } from './run-proof.js'
