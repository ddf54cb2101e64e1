import { mergeAnswer } from '../../src/domain/credentials.js'
import type { RefreshPolicy } from '../../src/domain/provider.js'
import { step } from '../../src/domain/refresh-machine.js'
import { refreshTimes } from '../../src/domain/refresh-protocol.js'
import type { Attempt } from './attempt.js'
import { type Statements, statements } from './row-model.js'

/** The rules under test. A deliberate defect (defects.ts) replaces one of them. */
export type Protocol = {
  step: typeof step
  merge: typeof mergeAnswer
  statements: Statements
  leaseMs: number
  /** The pre-send check, given the time since the lease was asked for. */
  maySend(elapsedMs: number): boolean
  /** Forgets what an earlier lease of the same attempt brought; called at each look at the row. */
  forget(attempt: Attempt): void
  /** What the machine is told of the provider. */
  policyOf(policy: RefreshPolicy): RefreshPolicy
}

export const protocol: Protocol = {
  step,
  merge: mergeAnswer,
  statements,
  leaseMs: refreshTimes.leaseMs,
  maySend: (elapsedMs) => elapsedMs < refreshTimes.leaseMs - refreshTimes.callDeadlineMs,
  forget(attempt) {
    attempt.grant = attempt.orphan = attempt.stored = undefined
  },
  policyOf: (policy) => policy,
}
