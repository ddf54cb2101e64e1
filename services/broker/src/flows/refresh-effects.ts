import type { RefreshEffect, RefreshEvent } from '../domain/refresh-protocol.js'
import type { RefreshAttempt } from './refresh-attempt.js'
import { callProvider } from './refresh-call.js'
import { adoptOrphan, captureAnswer, completeRefresh, fileOrphan, seekOrphan } from './refresh-capture.js'
import { judgeAnswer } from './refresh-judge.js'
import { acquireLease, releaseLease, settleLease, viewRow } from './refresh-lease.js'

// Owns the table effect → function. Each function turns an effect of domain/refresh-machine.ts into calls of ports, and what
// happened into the next event; none decides what follows.

/** Performs one effect and tells what happened. */
export async function perform(attempt: RefreshAttempt, effect: RefreshEffect): Promise<RefreshEvent> {
  switch (effect.do) {
    case 'view':
      return viewRow(attempt, effect.looksAtOwner)
    case 'wait':
      return waitWithJitter(attempt, effect.ms)
    case 'acquire':
      return acquireLease(attempt, effect.takesOver)
    case 'seek_orphan':
      return seekOrphan(attempt)
    case 'call':
      return callProvider(attempt)
    case 'capture':
      return captureAnswer(attempt)
    case 'complete':
      return completeRefresh(attempt, effect)
    case 'adopt_orphan':
      return adoptOrphan(attempt)
    case 'file_orphan':
      return fileOrphan(attempt)
    case 'judge':
      return judgeAnswer(attempt)
    case 'settle':
      return settleLease(attempt, effect)
    case 'release':
      return releaseLease(attempt, effect)
    case 'nothing':
      return { type: 'released' }
  }
}

// Replicas that wait for the same lease must not poll in step.
async function waitWithJitter(attempt: RefreshAttempt, ms: number): Promise<RefreshEvent> {
  const elapsedMs = Math.round(ms * (0.5 + Math.random()))
  await attempt.ports.sleep(elapsedMs)
  return { type: 'waited', elapsedMs }
}
