import { step } from '../../src/domain/refresh-machine.js'
import { type RefreshEffect, type RefreshEvent, refreshTimes } from '../../src/domain/refresh-protocol.js'
import { type Protocol, protocol } from './protocol.js'
import { statements } from './row-model.js'
import type { Violation } from './invariants.js'
import { parsePlan } from './faults.js'
import { run } from './run.js'
import { type Fixed, scenarioOf } from './seeds.js'

// Owns the protocol with one of its defences taken out, each by replacing a rule from outside. A simulator that lets one of
// them pass proves nothing.

export type Defect = {
  title: string
  /** The invariant that must break. */
  breaks: Violation['invariant']
  protocol: Protocol
  /** Where chance would take too long: the provider and the faults that bring it to light. */
  hunt?: Pick<Fixed, 'provider' | 'plan'>
}

const withStatements = (replaced: Partial<Protocol['statements']>): Protocol => ({
  ...protocol,
  statements: { ...statements, ...replaced },
})

/** Changes what the machine asks for, given the event that made it ask. */
const withEffects = (change: (effect: RefreshEffect, event: RefreshEvent) => RefreshEffect): Protocol => ({
  ...protocol,
  step(state, event) {
    const [next, effect] = step(state, event)
    return [next, change(effect, event)]
  },
})

/** Skips an effect by answering it at once. */
const skipping = (skips: (effect: RefreshEffect, event: RefreshEvent) => RefreshEvent | undefined): Protocol => ({
  ...protocol,
  step(state, event) {
    const [next, effect] = step(state, event)
    const answer = skips(effect, event)
    return answer === undefined ? [next, effect] : step(next, answer)
  },
})

export const defects: readonly Defect[] = [
  {
    title: 'the fence at capture',
    breaks: 'I3',
    protocol: withStatements({
      capture(row, server, held, credentials) {
        return statements.capture(row, server, { ...held, fence: row.fence }, credentials)
      },
    }),
  },
  {
    title: 'the lease',
    breaks: 'I1',
    protocol: withStatements({
      view: (row, server, looksAtOwner) => ({ ...statements.view(row, server, looksAtOwner), isLeased: false }),
      acquire(row, server, wish) {
        row.leaseUntilMs = undefined
        return statements.acquire(row, server, wish)
      },
    }),
  },
  {
    title: 'the merge rule',
    breaks: 'I4',
    protocol: {
      ...protocol,
      merge: (held, answer, receivedAtMs, fallback) => ({
        ...protocol.merge(held, answer, receivedAtMs, fallback),
        refreshToken: answer.refreshToken,
      }),
    },
  },
  {
    title: 'the order capture before judge',
    breaks: 'I1',
    protocol: judgingFirst(),
  },
  {
    title: 'the look at an answer that is to end its refresh with it',
    breaks: 'I3',
    protocol: {
      ...protocol,
      step: (state, event) => step(state, event.type === 'answered' ? { ...event, isSound: true } : event),
    },
  },
  {
    title: 'the fence at completing',
    breaks: 'I3',
    protocol: withStatements({
      complete: (row, server, held, credentials, how) =>
        statements.complete(row, server, { ...held, fence: row.fence }, credentials, how),
    }),
  },
  {
    title: 'the second look before a dead grant is believed',
    breaks: 'I5',
    hunt: { provider: 'single_use', plan: parsePlan('capture.before#1:freeze,call.sent#2:processed_late') },
    protocol: skipping((effect, event) =>
      effect.do === 'seek_orphan' && event.type === 'declined' ? { type: 'no_orphan' } : undefined,
    ),
  },
  {
    title: 'the check before sending',
    breaks: 'I1',
    protocol: { ...protocol, maySend: () => true },
  },
  {
    title: 'the rule that a strict provider’s lease ends by time only',
    breaks: 'I1',
    protocol: {
      ...withEffects((effect) =>
        effect.do === 'release' && effect.attempt === 'in_doubt'
          ? { ...effect, backoffMs: refreshTimes.settleMs }
          : effect,
      ),
      policyOf: (policy) => ({ ...policy, graceMs: Math.max(policy.graceMs, 1) }),
    },
  },
  {
    title: 'a lease longer than the call',
    breaks: 'I1',
    protocol: { ...protocol, leaseMs: 2_000 },
  },
  {
    title: 'the orphans',
    breaks: 'I4',
    protocol: skipping((effect) => (effect.do === 'file_orphan' ? { type: 'filed' } : undefined)),
  },
  {
    title: 'the rule that an orphan older than what is stored is superseded',
    breaks: 'I1',
    hunt: {
      provider: 'grace_same',
      plan: parsePlan('call.before#1:session_lost,capture.before#1:nap,call.sent#4:request_lost'),
    },
    protocol: withStatements({
      findOrphan: (row, server, belowFence) =>
        statements.findOrphan({ ...row, credentialsFence: 0, orphans: row.orphans }, server, belowFence),
    }),
  },
  {
    title: 'the doubt about an orphan that others have outlived',
    breaks: 'I5',
    protocol: withEffects((effect) => (effect.do === 'settle' ? { ...effect, attempt: 'idle' } : effect)),
  },
  {
    title: 'the pause after a call in doubt at a strict provider',
    breaks: 'I1',
    protocol: withEffects((effect) => (effect.do === 'release' ? { ...effect, backoffMs: 0 } : effect)),
  },
  {
    title: 'the pause for stragglers within the grace',
    breaks: 'I1',
    hunt: { provider: 'grace_same', plan: parsePlan('call.sent#1:processed_late') },
    protocol: withEffects((effect) => (effect.do === 'settle' ? { ...effect, backoffMs: 0 } : effect)),
  },
  {
    title: 'the memory of a call in doubt',
    breaks: 'I5',
    protocol: withEffects((effect) => (effect.do === 'release' ? { ...effect, attempt: 'idle' } : effect)),
  },
  {
    title: 'the write-ahead mark of a call',
    breaks: 'I5',
    protocol: withStatements({
      acquire(row, server, wish) {
        const lease = statements.acquire(row, server, wish)
        if (row.attempt === 'sent') row.attempt = lease?.previous ?? row.attempt
        return lease
      },
    }),
  },
  {
    title: 'the mark of an answer that nobody judged yet',
    breaks: 'I3',
    protocol: withStatements({
      capture(row, server, held, credentials) {
        const outcome = statements.capture(row, server, held, credentials)
        if (outcome === 'stored') row.attempt = 'sent'
        return outcome
      },
    }),
  },
  {
    title: 'the return of a lease that was wanted to judge what somebody has judged',
    breaks: 'I6',
    protocol: {
      ...protocol,
      step: (state, event) => step(state.at === 'acquiring' ? { ...state, seen: 'idle' } : state, event),
    },
  },
  {
    title: 'forgetting what an earlier lease of the same flight brought',
    breaks: 'I3',
    protocol: { ...protocol, forget: () => undefined },
  },
  {
    title: 'the fence of a reconnect',
    breaks: 'I3',
    protocol: withStatements({
      activate(row, server, target, credentials) {
        const isSwapped = statements.activate(row, server, target, credentials)
        if (isSwapped) row.credentialsFence = --row.fence
        return isSwapped
      },
    }),
  },
  {
    title: 'the fence at settling',
    breaks: 'I5',
    protocol: withStatements({
      settle: (row, server, _fence, how) => statements.settle(row, server, row.fence, how),
    }),
  },
  {
    title: 'the fence at releasing',
    breaks: 'I5',
    protocol: withStatements({
      release: (row, server, _fence, how) => statements.release(row, server, row.fence, how),
    }),
  },
  {
    title: 'the compare-and-set on the version',
    breaks: 'I6',
    protocol: withStatements({
      acquire: (row, server, wish) => statements.acquire(row, server, { ...wish, version: row.version }),
    }),
  },
]

/** The answer is judged while it is only in memory, and stored only when it is good. */
function judgingFirst(): Protocol {
  const judged: RefreshEvent = { type: 'judged', fault: undefined }
  return {
    ...protocol,
    step(state, event) {
      if (state.at !== 'holding') return step(state, event)
      if (event.type === 'answered') return [{ ...state, doing: 'calling' }, { do: 'judge' }]
      const isGood = event.type === 'judged' && event.fault === undefined
      if (isGood && state.doing === 'calling') return [{ ...state, doing: 'storing' }, { do: 'capture' }]
      return step(state, event.type === 'stored' && state.doing === 'storing' ? judged : event)
    },
  }
}

/** The first of these many seeds at which a defect breaks its invariant. */
export function firstCatch({ breaks, protocol: defective, hunt }: Defect, seeds: number): number | undefined {
  for (let seed = 1; seed <= seeds; seed++) {
    const { violations } = run(scenarioOf(seed, { ...hunt, protocol: defective }))
    if (violations.some(({ invariant }) => invariant === breaks)) return seed
  }
  return undefined
}
