import { inspect } from 'node:util'
import { type LabProvider, type ProviderLab, startProviderLab } from 'dromos-lab'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { profileOf, refresh, shortLimits, testOAuth } from './oauth-lab.js'

let lab: ProviderLab
let op: LabProvider
let refreshToken: string
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())
beforeEach(() => {
  op = lab.createProvider({ signingAlg: 'ES256' })
  refreshToken = op.issue().refreshToken
})

const refreshed = (members: Record<string, unknown> = {}, oauth = testOAuth()) =>
  refresh(oauth, profileOf(op, members), refreshToken, { secrets: [op.clientSecret] })

/** The refresh token the provider holds to be current: what must not be lost. */
const rotated = () => op.oracle().families[0]?.currentRefreshToken

describe('an answer is captured before anything is judged: the rotated refresh token is never lost', () => {
  test.each([
    'tok.no_token_type', 'tok.type_bot', 'tok.bEARER', 'tok.no_expires_in', 'tok.expires_in_string', 'tok.expires_in_float',
    'tok.expires_in_negative', 'tok.expires_in_zero', 'tok.expires_in_huge', 'tok.expires_in_null', 'tok.expires_in_array',
    'tok.missing_access_token', 'tok.scope_narrower', 'tok.scope_wider', 'tok.scope_array', 'tok.scope_missing',
    'tok.crlf_in_token', 'tok.nul_in_token', 'tok.64kb_token', 'tok.non_ascii_token', 'tok.form_encoded', 'tok.text_plain',
    'tok.bom', 'tok.duplicate_keys', 'tok.prototype_keys', 'idt.bad_sig', 'idt.iss+1', 'idt.alg_none', 'idt.jwe',
    'refresh_idt.sub+1',
  ] as const)('%s', async (name) => {
    op.turnOn(name)
    expect(await refreshed()).toMatchObject({ kind: 'answer', answer: { answer: { refreshToken: rotated() } } })
    expect(rotated()).not.toBe(refreshToken)
  }) // prettier-ignore

  test('the time of the answer is the injected clock’s', async () => {
    const call = await refreshed({}, testOAuth({ now: () => new Date('2030-01-01T00:00:00Z') }))
    expect(call).toMatchObject({ answer: { receivedAtMs: Date.parse('2030-01-01T00:00:00Z') } })
  })

  test('an answer without access token is an answer: the caller decides (fault 34)', async () => {
    op.turnOn('tok.missing_access_token')
    expect(await refreshed()).toMatchObject({ kind: 'answer', answer: { answer: { accessToken: undefined } } })
  })

  test('a provider that sends no refresh token answers without one: the held one is the caller’s to keep (fault 33)', async () => {
    op.turnOn('tok.no_refresh_token')
    expect(await refreshed()).toMatchObject({ kind: 'answer', answer: { answer: { refreshToken: undefined } } })
  })

  test('a lifetime written as a string is read as seconds (fault 41)', async () => {
    op.turnOn('tok.expires_in_string')
    expect(await refreshed()).toMatchObject({ answer: { answer: { expiresInSeconds: 3600 } } })
  })

  test('tokens nested where the profile says are found', async () => {
    op.replies({
      body: { ok: true, authed_user: { access_token: 'a', refresh_token: 'r', expires_in: 60 }, team: 't' },
    })
    const response = {
      access_token: 'authed_user.access_token',
      refresh_token: 'authed_user.refresh_token',
      expires_in: 'authed_user.expires_in',
    }
    expect(await refreshed({ response })).toMatchObject({
      answer: { answer: { accessToken: 'a', refreshToken: 'r', expiresInSeconds: 60, extra: { ok: true, team: 't' } } },
    })
  })
})

describe('a 200 that says no is a refusal, never tokens (fault 16)', () => {
  const bad = { kind: 'refusal', refusal: { httpStatus: 200, retryAfterSeconds: undefined } }

  test('GitHub', async () => {
    op.turnOn('tok.200_error', { value: 'github' })
    expect(await refreshed()).toMatchObject({
      ...bad,
      refusal: { httpStatus: 200, error: expect.stringMatching(/^bad_/) },
    })
  })

  test('GitHub in its form encoding', async () => {
    op.replies({
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'error=bad_refresh_token&error_description=x+y',
    })
    expect(await refreshed()).toEqual({ ...bad, refusal: { ...bad.refusal, error: 'bad_refresh_token' } })
  })

  test('Slack', async () => {
    op.replies({ body: { ok: false, error: 'invalid_refresh_token' } })
    expect(await refreshed()).toEqual({ ...bad, refusal: { ...bad.refusal, error: 'invalid_refresh_token' } })
  })

  test('whatever the profile’s error_in_200 marks, with the code where it says', async () => {
    const rule = { error_in_200: { member: 'status.ok', equals: false, error: 'status.reason' } }
    op.replies({ body: { status: { ok: false, reason: 'Access Denied' } } })
    expect(await refreshed(rule)).toEqual({ ...bad, refusal: { ...bad.refusal, error: 'access_denied' } })
    op.replies({ body: { status: { ok: true }, access_token: 'a' } })
    expect(await refreshed(rule)).toMatchObject({ kind: 'answer' })
  })

  test('a marker whose mere presence tells', async () => {
    op.replies({ body: { fault: { code: 7 } } })
    expect(await refreshed({ error_in_200: { member: 'fault' } })).toMatchObject({ kind: 'refusal' })
  })
})

describe('a 200 nobody can read leaves the outcome in doubt (fault 34)', () => {
  test.each([
    'tok.not_json', 'tok.truncated_json', 'tok.empty', 'tok.utf16', 'tok.nan', 'tok.array', 'tok.deep_json', 'tok.huge',
    'tok.gzip_bomb', 'tok.many_headers', 'tok.huge_header',
  ] as const)('%s', async (name) => {
    op.turnOn(name)
    expect(await refreshed()).toMatchObject({ kind: 'in_doubt' })
  }) // prettier-ignore

  test.each([['{}'], ['[]'], ['null'], ['"text"'], ['<html>a=b</html>']])('%s', async (body) => {
    op.replies({ body })
    expect(await refreshed()).toMatchObject({ kind: 'in_doubt' })
  })
})

describe('transport', () => {
  test.each(['tok.reset_before_body', 'tok.reset_after_rotate', 'tok.reset_mid_body'] as const)(
    '%s is in doubt',
    async (name) => {
      op.turnOn(name)
      expect(await refreshed()).toEqual({ kind: 'in_doubt', why: 'connection_lost' })
    },
  )

  test.each(['tok.hang_headers', 'tok.hang_body', 'tok.drip_body', 'tok.hang_unprocessed'] as const)(
    '%s is in doubt at the deadline',
    async (name) => {
      op.turnOn(name)
      expect(await refreshed({}, testOAuth({ limits: shortLimits }))).toEqual({
        kind: 'in_doubt',
        why: 'answer_timeout',
      })
    },
  )

  test('an unreachable token endpoint is unsent', async () => {
    expect(await refreshed({ token_url: 'http://127.0.0.1:1/token' })).toEqual({
      kind: 'unsent',
      why: 'connect_failed',
    })
  })

  test('a private token endpoint is unsent, and reported (fault 27)', async () => {
    const oauth = testOAuth()
    expect(await refreshed({ token_url: 'https://192.168.1.1/token' }, oauth)).toEqual({
      kind: 'unsent',
      why: 'address_refused',
    })
    expect(oauth.refused).toEqual(['192.168.1.1'])
  })

  test.each([301, 302, 303, 307, 308])(
    'a redirect %i is refused; the attacker receives nothing (A35)',
    async (value) => {
      op.turnOn('tok.redirect_307', { value })
      expect(await refreshed()).toMatchObject({
        kind: 'refusal',
        refusal: { httpStatus: value, error: 'unexpected_redirect' },
      })
      expect(op.journal('attacker')).toEqual([])
    },
  )

  test('a sender that may no longer send leaves no trace at the provider', async () => {
    const provider = profileOf(op)
    const how = { secrets: [op.clientSecret], mayStillSend: () => false }
    expect(await refresh(testOAuth(), provider, refreshToken, how)).toEqual({ kind: 'unsent', why: 'too_late' })
    expect(op.journal('token')).toEqual([])
    expect(op.oracle().refreshes).toBe(0)
  })
})

describe('refusals carry the code and status to classify them by (fault 36)', () => {
  const reply = async (
    status: number,
    body: string | Record<string, unknown>,
    headers: Record<string, string> = {},
  ) => {
    op.replies({ status, body, headers })
    const call = await refreshed({}, testOAuth({ now: () => new Date('2026-11-21T10:00:00Z') }))
    return call.kind === 'refusal' ? call.refusal : call
  }

  test.each([
    [400, { error: 'invalid_grant' }, 'invalid_grant'],
    [403, { error: 'invalid_grant' }, 'invalid_grant'],
    [401, { error: 'INVALID_CLIENT' }, 'invalid_client'],
    [400, { error: 'Access Denied' }, 'access_denied'],
    [400, { error: { type: 'OAuthException', code: 190 } }, 'oauthexception'],
    [400, { error: 'x'.repeat(65) }, undefined],
    [400, { error: '<script>' }, undefined],
    [400, { error: 7 }, undefined],
    [500, '<html>', undefined],
    [408, '', undefined],
  ])('%i %j', async (status, body, error) => {
    expect(await reply(status, body)).toEqual({ httpStatus: status, error, retryAfterSeconds: undefined })
  })

  test.each([
    ['7', 7],
    ['0', 0],
    ['86400', 900],
    ['Sat, 21 Nov 2026 10:00:30 GMT', 30],
    ['Sat, 21 Nov 2026 09:00:00 GMT', 0],
    ['Sat, 21 Nov 2099 09:00:00 GMT', 900],
    ['soon', undefined],
    ['-5', undefined],
  ])('Retry-After %s', async (value, retryAfterSeconds) => {
    expect(await reply(429, { error: 'slow_down' }, { 'retry-after': value })).toEqual({
      httpStatus: 429,
      error: 'slow_down',
      retryAfterSeconds,
    })
  })

  test('nothing else of a provider’s body is kept (fault 42)', async () => {
    op.turnOn('tok.error_echoes_token')
    const call = await refreshed()
    expect(call).toEqual({
      kind: 'refusal',
      refusal: { httpStatus: 400, error: 'invalid_grant', retryAfterSeconds: undefined },
    })
    expect(inspect(call, { depth: null })).not.toContain(refreshToken)
  })
})
