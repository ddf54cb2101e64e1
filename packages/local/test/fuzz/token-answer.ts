import { expect } from '@jest/globals'
import fc from 'fast-check'
import { readTokenCall } from '../../../../services/broker/src/oauth/token-wire.js'
import { damaged, oddName, oddValue } from './hostile-text.js'
import { expectCleanPrototypes, type FuzzTarget } from './target.js'

type Rules = Parameters<typeof readTokenCall>[1]

const plain: Rules = {
  paths: { accessToken: undefined, refreshToken: undefined, scope: undefined, expiresIn: undefined },
  errorIn200: undefined,
  defaultExpiresInSeconds: undefined,
}
const nested: Rules = {
  ...plain,
  paths: { ...plain.paths, accessToken: 'authed_user.access_token', refreshToken: 'authed_user.refresh_token' },
  errorIn200: { member: 'ok', equals: false, error: 'error' },
}
const members = [
  'access_token',
  'refresh_token',
  'id_token',
  'token_type',
  'scope',
  'expires_in',
  'error',
  'ok',
  'authed_user',
]
const object = fc.dictionary(fc.oneof(fc.constantFrom(...members), oddName, fc.string()), oddValue, { maxKeys: 8 })
const genuine = '{"access_token":"at-1","refresh_token":"rt-1","token_type":"Bearer","expires_in":3600,"scope":"a b"}'
const body = fc.oneof(
  object.map((value) => JSON.stringify(value)),
  damaged(genuine),
  damaged('access_token=at-1&refresh_token=rt-1&scope=a+b&expires_in=1'),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '\ufeff{}', 'null', '[]', '"x"', 'NaN', '<html>', '{"__proto__":{"polluted":1}}'),
)

const answered = fc.record({
  status: fc.integer({ min: 200, max: 599 }),
  body,
  contentType: fc.option(fc.constantFrom('application/json', 'text/html', 'application/x-www-form-urlencoded', ';'), { nil: undefined }),
  retryAfter: fc.option(fc.oneof(fc.string(), fc.constantFrom('-5', '1e9', 'Wed, 21 Oct 2015 07:28:00 GMT')), { nil: undefined }),
}) // prettier-ignore

/** The token answer: never throws, never loses a refresh token that is there, keeps every number in bounds. */
export const tokenAnswer: FuzzTarget = {
  name: 'token-answer',
  attacks: '(A45) (A48) (A52)',
  runs: 3000,
  property: fc.property(answered, fc.constantFrom(plain, nested), (answer, rules) => {
    const call = readTokenCall({ kind: 'answer', ...answer }, rules, 0)
    if (call.kind === 'answer') {
      expect(call.answer.expiresInSeconds ?? 0).toBeGreaterThanOrEqual(0)
      expect(call.answer.expiresInSeconds ?? 0).toBeLessThanOrEqual(315_360_000)
      for (const name of ['access_token', 'refresh_token', 'id_token', 'authed_user', '__proto__', 'constructor'])
        if (rules === nested || name !== 'authed_user') expect(Object.hasOwn(call.answer.extra, name)).toBe(false)
    }
    if (call.kind === 'refusal') {
      expect(call.refusal.error ?? 'x').toMatch(/^[a-z0-9_.-]{1,64}$/)
      expect(call.refusal.retryAfterSeconds ?? 0).toBeLessThanOrEqual(900)
    }
    const sent = refreshTokenIn(answer.body)
    if (rules === plain && answer.status < 300 && sent !== undefined && call.kind !== 'refusal')
      expect(call).toMatchObject({ kind: 'answer', answer: { refreshToken: sent } })
    expectCleanPrototypes()
  }),
  read: (text) => {
    for (const contentType of ['application/json', 'application/x-www-form-urlencoded', undefined])
      readTokenCall({ kind: 'answer', status: 200, body: text, contentType, retryAfter: text }, plain, 0)
  },
}

function refreshTokenIn(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    const token: unknown = Object.getOwnPropertyDescriptor(value, 'refresh_token')?.value
    return typeof token === 'string' && token !== '' ? token : undefined
  } catch {
    return undefined
  }
}
