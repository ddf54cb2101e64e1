import { describe, expect, test } from '@jest/globals'
import { isDue, nextRefreshAtMs, refreshMarginMs, type ScheduleFacts } from '../../src/domain/refresh-schedule.js'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const now = Date.UTC(2026, 0, 1)

const facts = (change: Partial<ScheduleFacts> = {}): ScheduleFacts => ({
  schedule: 'proactive',
  refreshPolicy: { mode: 'rotates', killsAccessToken: false, idleLimitSeconds: undefined },
  expiresAtMs: now + hour,
  refreshedAtMs: now,
  lastUsedAtMs: now,
  ...change,
})
const policy = (change: Partial<ScheduleFacts['refreshPolicy']>): Partial<ScheduleFacts> => ({
  refreshPolicy: { ...facts().refreshPolicy, ...change },
})

describe('the margin before expiry', () => {
  test.each([
    ['a fifth of an hour is twelve minutes', hour, 12 * minute],
    ['a day is capped at fifteen minutes', day, 15 * minute],
    ['four minutes have at least one minute', 4 * minute, minute],
    ['a minute keeps half of its life', minute, minute / 2],
    ['a token that never lived has none', 0, 0],
  ])('%s', (_name, lifetimeMs, marginMs) => {
    expect(refreshMarginMs(lifetimeMs, false)).toBe(marginMs)
  })

  test('is nothing where a refresh kills the former access token', () => {
    expect(refreshMarginMs(hour, true)).toBe(0)
  })
})

describe('the next refresh', () => {
  test('of a connection in use is due before its token ends, jitter moves it forward by a tenth of its life', () => {
    expect(nextRefreshAtMs(facts(), now, 0)).toBe(now + 48 * minute)
    expect(nextRefreshAtMs(facts(), now, 1)).toBe(now + 42 * minute)
  })

  test('never comes before half of what is left: a short-lived token is not refreshed in a circle', () => {
    const due = nextRefreshAtMs(facts({ expiresAtMs: now + minute }), now, 1)
    expect(due).toBe(now + minute / 2 - minute / 10)
  })

  test('waits for the end where a refresh kills the former access token', () => {
    expect(nextRefreshAtMs(facts(policy({ killsAccessToken: true })), now, 1)).toBe(now + hour)
  })

  test.each<[string, Partial<ScheduleFacts>]>([
    ['on demand', { schedule: 'on_demand' }],
    ['without refreshes', policy({ mode: 'none' })],
    ['not used for a day, without an idle limit', { lastUsedAtMs: now - day }],
    ['never used, without an idle limit', { lastUsedAtMs: undefined }],
    ['without a lifetime, without an idle limit', { expiresAtMs: undefined }],
    ['kept alive, without an idle limit', { schedule: 'keep_alive' }],
  ])('never comes for a connection that is %s', (_name, change) => {
    expect(nextRefreshAtMs(facts(change), now, 0)).toBeUndefined()
  })

  test('of an idle grant comes well before the limit of its provider', () => {
    const idle = facts({ lastUsedAtMs: undefined, ...policy({ idleLimitSeconds: (60 * day) / 1000 }) })
    expect(nextRefreshAtMs(idle, now, 0)).toBe(now + 48 * day)
    expect(nextRefreshAtMs(idle, now, 1)).toBe(now + 42 * day)
  })

  test('is the earlier of the two where the idle limit is shorter than the token', () => {
    const both = facts({ expiresAtMs: now + 10 * day, ...policy({ idleLimitSeconds: day / 1000 }) })
    expect(nextRefreshAtMs(both, now, 0)).toBe(now + day * 0.8)
  })
})

describe('a claimed connection', () => {
  test('is due from the earliest moment jitter could have chosen', () => {
    expect(isDue(facts(), now + 42 * minute)).toBe(true)
    expect(isDue(facts(), now + 42 * minute - 1)).toBe(false)
  })

  test('that fell out of use is not due', () => {
    expect(isDue(facts({ lastUsedAtMs: now - 2 * day }), now + 50 * minute)).toBe(false)
  })
})
