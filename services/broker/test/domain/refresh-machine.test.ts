import { describe, expect, test } from '@jest/globals'
import type { RefreshPolicy } from '../../src/domain/provider.js'
import { type RefreshState, startRefresh, step } from '../../src/domain/refresh-machine.js'
import {
  type Demand,
  type Lease,
  type RefreshEffect,
  type RefreshEvent,
  type RefreshView,
  refreshTimes,
} from '../../src/domain/refresh-protocol.js'

const strict: RefreshPolicy = {
  mode: 'rotates',
  graceMs: 0,
  killsAccessToken: false,
  idleLimitSeconds: undefined,
  absoluteLimitSeconds: undefined,
}
const grace: RefreshPolicy = { ...strict, graceMs: 30_000 }
const expired: RefreshView = {
  policy: strict,
  isActive: true,
  version: 3,
  remainingMs: -1000,
  hasRefreshToken: true,
  attempt: 'idle',
  isLeased: false,
  ownerGoneMs: undefined,
  backoffMs: 0,
}
const lease = (previous: Lease['previous'] = 'idle', failCount = 0): Lease => ({ fence: 7, previous, failCount })
const viewed = (change: Partial<RefreshView> = {}): RefreshEvent => ({
  type: 'viewed',
  view: { ...expired, ...change },
})

/** Feeds events to a fresh machine and gives back the effects it asked for and where it ended. */
function play(events: RefreshEvent[], policy = strict, demand: Demand = { kind: 'fresh', minTtlMs: 30_000 }) {
  let [state, effect]: [RefreshState, RefreshEffect] = step(startRefresh(demand), { type: 'started' })
  const effects = [effect]
  for (const event of events) {
    ;[state, effect] = step(state, event.type === 'viewed' ? viewed({ ...event.view, policy }) : event)
    effects.push(effect)
  }
  return {
    effects: effects.map((each) => each.do),
    last: effect,
    result: state.at === 'ended' ? state.result : undefined,
  }
}

const happy: RefreshEvent[] = [
  viewed(),
  { type: 'granted', lease: lease() },
  { type: 'answered', isSound: false },
  { type: 'stored' },
  { type: 'judged', fault: undefined },
  { type: 'settled' },
]

describe('the refresh machine', () => {
  test('takes the lease before it calls, and stores the answer before it judges it', () => {
    const { effects, result } = play(happy)
    expect(effects).toEqual(['view', 'acquire', 'call', 'capture', 'judge', 'settle', 'nothing'])
    expect(result).toEqual({ kind: 'fresh' })
  })

  test('stores an answer that leaves nothing to verify and ends with it', () => {
    const { effects, last, result } = play([
      viewed(),
      { type: 'granted', lease: lease() },
      { type: 'answered', isSound: true },
      { type: 'settled' },
    ])
    expect(effects).toEqual(['view', 'acquire', 'call', 'complete', 'nothing'])
    expect(last).toEqual({ do: 'nothing' })
    expect(result).toEqual({ kind: 'fresh' })
  })

  test('keeps such an answer too when somebody took over, or when only its end was refused', () => {
    const answered: RefreshEvent[] = [
      viewed(),
      { type: 'granted', lease: lease() },
      { type: 'answered', isSound: true },
    ]
    expect(play([...answered, { type: 'fenced' }]).last).toEqual({ do: 'file_orphan' })
    expect(play([...answered, { type: 'stored' }]).last).toEqual({ do: 'judge' })
  })

  test('holds the next refresh back after a call in doubt, however this one ends', () => {
    const { last } = play(
      [
        viewed({ attempt: 'in_doubt' }),
        { type: 'granted', lease: lease('in_doubt') },
        { type: 'no_orphan' },
        { type: 'answered', isSound: true },
      ],
      grace,
    )
    expect(last).toEqual({ do: 'complete', attempt: 'idle', backoffMs: refreshTimes.settleMs })
  })

  test('begins with the row when somebody has just read it', () => {
    const [state, effect] = step(startRefresh({ kind: 'fresh', minTtlMs: 30_000 }), viewed())
    expect(effect).toEqual({ do: 'acquire', takesOver: false })
    expect(step(state, { type: 'refused' })[1]).toEqual({ do: 'view', looksAtOwner: false })
  })

  test('asks for nothing when somebody else has refreshed already', () => {
    expect(play([viewed({ remainingMs: 3_600_000 })])).toMatchObject({
      effects: ['view', 'nothing'],
      result: { kind: 'fresh' },
    })
  })

  test('a forced refresh is content with any newer version', () => {
    const demand: Demand = { kind: 'newer_than', version: 3 }
    expect(play([viewed({ version: 4 })], strict, demand).result).toEqual({ kind: 'fresh' })
    expect(play([viewed({ remainingMs: 3_600_000 })], strict, demand).effects).toEqual(['view', 'acquire'])
  })

  test('waits for a held lease with growing pauses and gives up after its patience', () => {
    const waitAfter = (...waits: number[]) => {
      const waited = waits.map((elapsedMs): RefreshEvent[] => [
        { type: 'waited', elapsedMs },
        viewed({ isLeased: true }),
      ])
      return play([viewed({ isLeased: true }), ...waited.flat()]).last
    }
    expect(waitAfter()).toEqual({ do: 'wait', ms: refreshTimes.shortestWaitMs })
    expect(waitAfter(10)).toEqual({ do: 'wait', ms: refreshTimes.shortestWaitMs })
    expect(waitAfter(100, 100)).toEqual({ do: 'wait', ms: 50 })
    expect(waitAfter(100, 10_000)).toEqual({ do: 'wait', ms: refreshTimes.longestWaitMs })
    const impatient = play([
      viewed({ isLeased: true }),
      { type: 'waited', elapsedMs: refreshTimes.patienceMs },
      viewed({ isLeased: true }),
    ])
    expect(impatient.result).toMatchObject({ kind: 'failed', reason: 'refresh_in_progress' })
  })

  test('looks at the owner too when the lease lasts long, where a dead one may be taken over', () => {
    const lookAfter = (elapsedMs: number, policy: RefreshPolicy) =>
      play([viewed({ isLeased: true }), { type: 'waited', elapsedMs }], policy).last
    expect(lookAfter(refreshTimes.ownerLookAfterMs - 1, grace)).toEqual({ do: 'view', looksAtOwner: false })
    expect(lookAfter(refreshTimes.ownerLookAfterMs, grace)).toEqual({ do: 'view', looksAtOwner: true })
    expect(lookAfter(refreshTimes.ownerLookAfterMs, strict)).toEqual({ do: 'view', looksAtOwner: false })
  })

  test('takes a dead owner over at a provider with grace, never at a strict one', () => {
    const gone = viewed({ isLeased: true, ownerGoneMs: refreshTimes.ownerGoneMs })
    expect(play([gone], grace).last).toEqual({ do: 'acquire', takesOver: true })
    expect(play([gone], strict).last).toEqual({ do: 'wait', ms: refreshTimes.shortestWaitMs })
    expect(play([viewed({ isLeased: true, ownerGoneMs: refreshTimes.ownerGoneMs - 1 })], grace).last.do).toBe('wait')
  })

  test('looks for an orphaned answer before it repeats a call in doubt', () => {
    const { effects } = play([
      viewed({ attempt: 'in_doubt' }),
      { type: 'granted', lease: lease('in_doubt') },
      { type: 'no_orphan' },
    ])
    expect(effects).toEqual(['view', 'acquire', 'seek_orphan', 'call'])
  })

  test('a stored answer of a dead predecessor is judged without a second call', () => {
    const { effects } = play([
      viewed({ attempt: 'captured', remainingMs: 3_600_000 }),
      { type: 'granted', lease: lease('captured') },
    ])
    expect(effects).toEqual(['view', 'acquire', 'judge'])
  })

  test('a recovered answer whose token has ended meanwhile is not served: it is refreshed', () => {
    const recovered: RefreshEvent[] = [
      viewed({ attempt: 'captured' }),
      { type: 'granted', lease: lease('captured') },
      { type: 'judged', fault: undefined },
      { type: 'settled' },
    ]
    expect(play(recovered).effects.slice(-2)).toEqual(['settle', 'view'])
    expect(play([...recovered, viewed()]).last.do).toBe('acquire')
    expect(play([...recovered, viewed({ remainingMs: 3_600_000 })]).result).toEqual({ kind: 'fresh' })
  })

  test('the same holds for an orphan that is adopted late', () => {
    const { effects } = play([
      viewed({ attempt: 'in_doubt' }),
      { type: 'granted', lease: lease('in_doubt') },
      { type: 'orphan_found', fence: 6 },
      { type: 'stored' },
      { type: 'judged', fault: undefined },
      { type: 'settled' },
    ])
    expect(effects.slice(-2)).toEqual(['settle', 'view'])
  })

  test('an answer that comes back under a lost fence is filed, and the row is looked at again', () => {
    const { effects } = play([
      viewed(),
      { type: 'granted', lease: lease() },
      { type: 'answered', isSound: false },
      { type: 'fenced' },
      { type: 'filed' },
    ])
    expect(effects.slice(-2)).toEqual(['file_orphan', 'view'])
  })

  test('believes in a dead grant only after a second look, and calls it revoked when no call was in doubt', () => {
    const dead: RefreshEvent = { type: 'declined', refusal: 'dead_grant', retryAfterMs: undefined }
    const { effects, last } = play([viewed(), { type: 'granted', lease: lease() }, dead, { type: 'no_orphan' }])
    expect(effects.slice(-2)).toEqual(['seek_orphan', 'settle'])
    expect(last).toEqual({ do: 'settle', reason: 'revoked', attempt: 'idle', backoffMs: 0 })
  })

  test('a dead grant after a call in doubt is our loss, not the person’s act', () => {
    const dead: RefreshEvent = { type: 'declined', refusal: 'dead_grant', retryAfterMs: undefined }
    const events: RefreshEvent[] = [
      viewed(),
      { type: 'granted', lease: lease('sent') },
      { type: 'no_orphan' },
      dead,
      { type: 'no_orphan' },
    ]
    expect(play(events).last).toEqual({ do: 'settle', reason: 'lost_rotation', attempt: 'idle', backoffMs: 0 })
  })

  test('a dead grant is revived by an orphan that turns up in the second look', () => {
    const dead: RefreshEvent = { type: 'declined', refusal: 'dead_grant', retryAfterMs: undefined }
    expect(
      play([viewed(), { type: 'granted', lease: lease() }, dead, { type: 'orphan_found', fence: 6 }]).last,
    ).toEqual({
      do: 'adopt_orphan',
    })
  })

  test('a call after the orphan’s leaves the adopted answer in doubt: it may have ended the grant', () => {
    const adopted: RefreshEvent[] = [{ type: 'stored' }, { type: 'judged', fault: undefined }]
    const sought = (fence: number): RefreshEvent[] => [
      viewed({ attempt: 'in_doubt' }),
      { type: 'granted', lease: lease('in_doubt') },
      { type: 'orphan_found', fence },
      ...adopted,
    ]
    expect(play(sought(6)).last).toMatchObject({ do: 'settle', attempt: 'idle' })
    expect(play(sought(5)).last).toMatchObject({ do: 'settle', attempt: 'in_doubt' })
    const dead: RefreshEvent = { type: 'declined', refusal: 'dead_grant', retryAfterMs: undefined }
    const confirming: RefreshEvent[] = [
      viewed(),
      { type: 'granted', lease: lease() },
      dead,
      { type: 'orphan_found', fence: 6 },
      ...adopted,
    ]
    expect(play(confirming).last).toMatchObject({ do: 'settle', attempt: 'in_doubt' })
  })

  test('an orphan whose adoption is fenced is not filed again: it would look newer than it is', () => {
    const { effects } = play([
      viewed({ attempt: 'in_doubt' }),
      { type: 'granted', lease: lease('in_doubt') },
      { type: 'orphan_found', fence: 5 },
      { type: 'fenced' },
    ])
    expect(effects.slice(-2)).toEqual(['adopt_orphan', 'view'])
  })

  test('a lease that was wanted to judge is given back when somebody has judged: nobody may need a newer token', () => {
    const { effects, last } = play([viewed({ attempt: 'captured' }), { type: 'granted', lease: lease('idle') }])
    expect(last).toEqual({ do: 'release', attempt: 'idle', backoffMs: 0, countsAsFailure: false })
    expect(effects).not.toContain('call')
    const then: RefreshEvent[] = [viewed({ attempt: 'captured' }), { type: 'granted', lease: lease('sent') }]
    expect(play(then).last).toMatchObject({ do: 'release', attempt: 'in_doubt' })
    expect(play([...then, { type: 'released' }]).last.do).toBe('view')
  })

  test.each([
    ['a call in doubt', false, 'in_doubt', refreshTimes.settleMs],
    ['a takeover', true, 'sent', refreshTimes.leaseMs - refreshTimes.ownerGoneMs],
    ['a lease that ended by time', false, 'sent', 0],
    ['an ordinary refresh', false, 'idle', 0],
  ] as const)(
    'after %s no second rotation overtakes a straggler within the grace',
    (_, takesOver, previous, pauseMs) => {
      const view = takesOver ? { isLeased: true, ownerGoneMs: refreshTimes.ownerGoneMs } : {}
      const answered: RefreshEvent[] = [
        viewed(view),
        { type: 'granted', lease: lease(previous) },
        ...(previous === 'idle' ? [] : [{ type: 'no_orphan' } as const]),
        { type: 'answered', isSound: false },
        { type: 'stored' },
        { type: 'judged', fault: undefined },
      ]
      expect(play(answered, grace).last).toMatchObject({ do: 'settle', backoffMs: pauseMs })
    },
  )

  test.each([
    ['our_client', 'provider_misconfigured', 'idle'],
    ['throttled', 'provider_rate_limited', 'idle'],
    ['transient', 'provider_unavailable', 'in_doubt'],
  ] as const)('%s changes no connection: %s (fault 36)', (refusal, reason, attempt) => {
    const events: RefreshEvent[] = [
      viewed(),
      { type: 'granted', lease: lease() },
      { type: 'declined', refusal, retryAfterMs: 5_000 },
      { type: 'released' },
    ]
    const { effects, result } = play(events)
    expect(effects).not.toContain('settle')
    expect(result).toMatchObject({ kind: 'failed', reason })
    const [state] = [play(events.slice(0, 3)).last]
    expect(state).toMatchObject({ do: 'release', attempt })
  })

  test('a refused call leaves an earlier call in doubt as doubtful as it was', () => {
    const throttled: RefreshEvent = { type: 'declined', refusal: 'throttled', retryAfterMs: undefined }
    const { last } = play([viewed(), { type: 'granted', lease: lease('in_doubt') }, { type: 'no_orphan' }, throttled])
    expect(last).toMatchObject({ do: 'release', attempt: 'in_doubt' })
  })

  test('failures back off ever longer, up to a cap', () => {
    const backoffOf = (failCount: number) =>
      play([viewed(), { type: 'granted', lease: lease('idle', failCount) }, { type: 'not_sent' }]).last
    expect([0, 1, 3, 30].map(backoffOf)).toEqual(
      [1_000, 2_000, 8_000, 300_000].map((backoffMs) => ({
        do: 'release',
        attempt: 'idle',
        backoffMs,
        countsAsFailure: true,
      })),
    )
  })

  test('an identity that changed ends in attention although the tokens are stored', () => {
    const events: RefreshEvent[] = [
      ...happy.slice(0, 4),
      { type: 'judged', fault: 'identity_changed' },
      { type: 'settled' },
    ]
    expect(play(events)).toMatchObject({
      effects: expect.arrayContaining(['capture', 'settle']),
      result: { kind: 'not_active' },
    })
  })

  test('an event that cannot follow is a defect, not a state', () => {
    expect(() => play([{ type: 'stored' }])).toThrow('stored cannot follow viewing')
  })
})
