import { describe, expect, test } from '@jest/globals'
import { isHeaderSafe, mergeAnswer, needsRefresh, type OAuthCredentials } from '../../src/domain/credentials.js'
import { type AnswerPaths, readTokenAnswer } from '../../src/domain/token-answer.js'
import { classifyRefusal } from '../../src/domain/token-refusal.js'

const plain: AnswerPaths = { accessToken: undefined, refreshToken: undefined, scope: undefined, expiresIn: undefined }
const held: OAuthCredentials = {
  type: 'oauth2',
  accessToken: 'a1',
  tokenType: 'Bearer',
  refreshToken: 'r1',
  idToken: 'i1',
  scope: 'read',
  expiresAtMs: 1_000,
  extra: { instance_url: 'https://eu.example' },
}

describe('a token answer', () => {
  test.each([
    [3600, 3600], ['3600', 3600], [3600.5, 3600], [-1, 0], [0, 0], [1e308, 315_360_000], [null, undefined], [undefined, undefined],
    ['soon', undefined], ['', undefined], [[3600], undefined], [Number.NaN, undefined],
  ])('expires_in %j is read as %j (fault 41)', (given, read) => {
    expect(readTokenAnswer({ access_token: 'a', expires_in: given }, plain).expiresInSeconds).toBe(read)
  }) // prettier-ignore

  test('is found where the profile says it stands, and the nested object is not handed on', () => {
    const body = { ok: true, authed_user: { access_token: 'xoxp', scope: 'a,b', refresh_token: 'r' }, team_id: 'T1' }
    const paths = {
      ...plain,
      accessToken: 'authed_user.access_token',
      scope: 'authed_user.scope',
      refreshToken: 'authed_user.refresh_token',
    }
    expect(readTokenAnswer(body, paths)).toEqual({
      accessToken: 'xoxp', refreshToken: 'r', idToken: undefined, tokenType: undefined, scope: 'a,b', expiresInSeconds: undefined,
      extra: { ok: true, team_id: 'T1' },
    }) // prettier-ignore
  })

  test.each([[null], ['text'], [[]], [{ access_token: 5, refresh_token: {}, scope: 7 }]])(
    '%j is read without a throw',
    (body) => {
      expect(readTokenAnswer(body, plain)).toMatchObject({
        accessToken: undefined,
        refreshToken: undefined,
        scope: undefined,
      })
    },
  )

  test('scope may be an array', () => {
    expect(readTokenAnswer({ scope: ['a', 'b', 7] }, plain).scope).toBe('a b')
  })

  test('names that would reach a prototype are dropped', () => {
    const answer = readTokenAnswer(
      JSON.parse('{"access_token":"a","__proto__":"x","constructor":"y","keep":"z"}'),
      plain,
    )
    expect(answer.extra).toEqual({ keep: 'z' })
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})

describe('merging an answer', () => {
  const answer = readTokenAnswer({ access_token: 'a2' }, plain)

  test('keeps the held refresh token, id_token and scope when the answer has none (fault 33)', () => {
    expect(mergeAnswer(held, answer, 5_000, undefined)).toEqual({ ...held, accessToken: 'a2', expiresAtMs: undefined })
  })

  test('takes a rotated refresh token and counts the lifetime from when the answer came', () => {
    const rotated = readTokenAnswer({ access_token: 'a2', refresh_token: 'r2', expires_in: 60 }, plain)
    expect(mergeAnswer(held, rotated, 5_000, undefined)).toMatchObject({ refreshToken: 'r2', expiresAtMs: 65_000 })
  })

  test('uses the profile’s lifetime only when the answer names none', () => {
    expect(mergeAnswer(undefined, answer, 0, 7200).expiresAtMs).toBe(7_200_000)
    expect(
      mergeAnswer(undefined, readTokenAnswer({ access_token: 'a', expires_in: 0 }, plain), 0, 7200).expiresAtMs,
    ).toBe(0)
  })
})

test('a token needs a refresh within the skew before its end, never without an end', () => {
  expect([needsRefresh(undefined, 0), needsRefresh(30_000, 0), needsRefresh(30_001, 0)]).toEqual([false, true, false])
})

test.each([
  ['a.b-c~=', true],
  ['', false],
  ['a b', false],
  ['a\r\nX: y', false],
  ['é', false],
  ['a'.repeat(16_385), false],
])('header safety of %j is %s', (token, safe) => {
  expect(isHeaderSafe(token)).toBe(safe)
})

test.each([
  [400, 'invalid_grant', 'dead_grant'], [403, 'invalid_grant', 'dead_grant'], [200, 'invalid_grant', 'dead_grant'],
  [400, 'custom_dead', 'dead_grant'], [401, 'invalid_client', 'our_client'], [401, undefined, 'our_client'],
  [400, 'unauthorized_client', 'our_client'], [400, 'invalid_scope', 'our_client'], [429, undefined, 'throttled'],
  [429, 'invalid_grant', 'throttled'], [400, 'slow_down', 'throttled'], [200, 'ratelimited', 'throttled'], [500, 'invalid_grant', 'transient'],
  [503, undefined, 'transient'], [408, undefined, 'transient'], [200, 'odd', 'transient'], [400, undefined, 'our_client'], [404, undefined, 'our_client'],
] as const)('HTTP %d with %j is %s: only a dead grant needs a person (fault 36)', (httpStatus, error, expected) => {
  expect(classifyRefusal({ httpStatus, error, retryAfterSeconds: undefined }, ['custom_dead'])).toBe(expected)
}) // prettier-ignore
