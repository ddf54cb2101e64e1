import type { Proof } from './proof.js'
import { callbackRaces } from './proofs/callbacks.js'
import { serverCrashed, sessionsEnded } from './proofs/database-faults.js'
import { drain } from './proofs/drain.js'
import { exactlyOnce } from './proofs/exactly-once.js'
import { freeze } from './proofs/freeze.js'
import { isolation } from './proofs/isolation.js'
import { killGrace, killStrict } from './proofs/kill.js'
import { rotation } from './proofs/rotation.js'
import { schedule } from './proofs/schedule.js'
import { slowProvider } from './proofs/slow-provider.js'

/** Every proof, in the order in which they run. */
export const proofs: readonly Proof[] = [
  exactlyOnce,
  slowProvider,
  killGrace,
  killStrict,
  drain,
  sessionsEnded,
  serverCrashed,
  freeze,
  isolation,
  callbackRaces,
  schedule,
  rotation,
]
