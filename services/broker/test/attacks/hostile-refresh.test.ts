import type { LabSwitch } from 'dromos-lab'
import { describe, expect, test } from '@jest/globals'
import { auditOf, refreshTokensPresented } from '../conformance/outcome.js'
import { provideForSuite } from '../harness/more-providers.js'
import { connected, readTokenOf, refreshOf } from '../harness/person.js'

// A refresh whose answer is hostile, late or lost: no connection is ended by it that the provider has not ended.

const providers = provideForSuite()

const rowOf = async (id: string) => {
  const [row] = await providers
    .broker()
    .query<Record<string, unknown>>(
      'select status, version::int as version, attempt_state from connections where id = $1',
      [id],
    )
  return row
}
const clearBackoff = (id: string) =>
  providers.broker().query('update connections set backoff_until = null where id = $1', [id])

async function refreshWith(name: LabSwitch, value?: unknown, scopes = ['openid', 'profile']) {
  const op = await providers.add()
  const id = await connected(op, { scopes })
  const held = (await readTokenOf(op, id)).body.access_token
  op.provider.turnOn(name, { value })
  const answer = await refreshOf(op, id)
  op.provider.turnOff(name)
  return { op, id, held, answer }
}

describe('a 200 nobody can read leaves the outcome in doubt, not the grant dead', () => {
  test.each([
    ['tok.huge', '(A41)'],
    ['tok.gzip_bomb', '(A42)'],
    ['tok.huge_header', '(A44)'],
    ['tok.not_json', '(A45)'],
    ['tok.truncated_json', '(A45)'],
    ['tok.empty', '(A45)'],
    ['tok.utf16', '(A45)'],
    ['tok.nan', '(A45)'],
    ['tok.deep_json', '(A45)'],
  ] as const)('%s %s', async (name, _row) => {
    const { op, id, held, answer } = await refreshWith(name)
    expect(answer).toMatchObject({ status: 503, body: { code: 'provider_unavailable' } })
    expect(await rowOf(id)).toEqual({ status: 'active', version: 1, attempt_state: 'in_doubt' })
    expect(refreshTokensPresented(op)).toHaveLength(1)
    expect((await readTokenOf(op, id)).body.access_token).toBe(held)
  })
})

test.each(['github', 'slack'])('an error in a 200 takes nothing away: %s (A47)', async (value) => {
  const { op, id, held, answer } = await refreshWith('tok.200_error', value)
  expect(answer.status).toBeGreaterThanOrEqual(500)
  expect(await rowOf(id)).toMatchObject({ status: 'active', version: 1 })
  expect((await readTokenOf(op, id)).body.access_token).toBe(held)
})

const unusable = ['tok.crlf_in_token', 'tok.nul_in_token', 'tok.64kb_token', 'tok.non_ascii_token'] as const

// Without an identity nothing else of the answer is to be verified.
test.each(unusable.flatMap((name) => [[name, ['openid', 'profile']] as const, [name, ['profile']] as const]))(
  'a refreshed token no header can hold is kept and never served: %s, scopes %j (A49)',
  async (name, scopes) => {
    const { op, id, answer } = await refreshWith(name, undefined, [...scopes])
    const refusal = { status: 409, body: { connection_reason: 'token_unusable' } }
    expect(answer).toMatchObject(refusal)
    expect(await readTokenOf(op, id)).toMatchObject(refusal)
    expect(await rowOf(id)).toMatchObject({ status: 'attention', version: 2 })
  },
)

describe('a provider that is unwell or busy changes no state, and a later refresh succeeds', () => {
  const inTwoMinutes = new Date(Date.now() + 120_000).toUTCString()
  test.each<[string, LabSwitch, unknown, number]>([
    ['429 with seconds', 'tok.429', 7, 7],
    ['429 with a date', 'tok.429', inTwoMinutes, 120],
    ['429 with an absurd wait', 'tok.429', 86_400, 900],
    ['429 with nonsense', 'tok.429', 'soon', 900],
    ['429 without Retry-After', 'tok.429', null, 900],
    ['500', 'tok.5xx', 500, 900],
    ['502', 'tok.5xx', 502, 900],
    ['503', 'tok.5xx', 503, 900],
    ['504', 'tok.5xx', 504, 900],
    ['408', 'tok.5xx', 408, 900],
    ['a reset before the body', 'tok.reset_before_body', undefined, 900],
  ])('%s (A50)', async (_what, name, value, mostSeconds) => {
    const { op, id, answer } = await refreshWith(name, value)
    expect(answer.status).toBe(503)
    const retryAfter = Number(answer.headers.get('retry-after'))
    expect(retryAfter).toBeGreaterThan(0)
    expect(retryAfter).toBeLessThanOrEqual(mostSeconds)
    expect(await rowOf(id)).toMatchObject({ status: 'active', version: 1 })
    expect((await refreshOf(op, id)).status).toBe(503) // still within the wait: the provider is left alone
    expect(refreshTokensPresented(op)).toHaveLength(1)
    await clearBackoff(id)
    expect(await refreshOf(op, id)).toMatchObject({ status: 200, body: { token_version: 2 } })
    expect(op.provider.oracle().reuseCount).toBe(0)
  })
})

test.each([400, 401])(
  'invalid_client with %i is the operator’s matter: every connection keeps its state and its token (A51)',
  async (value) => {
    const op = await providers.add()
    const ids = [await connected(op), await connected(op), await connected(op)]
    op.provider.turnOn('ca.invalid_client', { value })
    for (const id of ids) {
      expect(await refreshOf(op, id)).toMatchObject({ status: 502, body: { code: 'provider_misconfigured' } })
      expect(await rowOf(id)).toMatchObject({ status: 'active', version: 1 })
      expect(await auditOf(op, id)).toContain('provider_incident')
      expect((await readTokenOf(op, id)).status).toBe(200)
    }
    const metrics = (await op.call('GET', '/metrics')).text
    expect(metrics).toMatch(new RegExp(`provider_incidents_total\\{provider="${op.providerId}"\\} 3`))
  },
)
