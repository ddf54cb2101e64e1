import type { LabSwitch } from 'dromos-lab'
import { describe, expect, test } from '@jest/globals'
import { accepted, login, rejected } from '../conformance/outcome.js'
import { type AddedProviderOptions, provideForSuite } from '../harness/more-providers.js'
import { readTokenOf } from '../harness/person.js'
import type { TestBroker } from '../harness/test-broker.js'

// A code exchange whose answer is hostile or odd: what becomes active, and what never does.

const providers = provideForSuite()

async function loginWith(name: LabSwitch, options: AddedProviderOptions = {}, value?: unknown) {
  const op = await providers.add(options)
  op.provider.turnOn(name, { value, only: 'authorization_code' })
  return { op, ...(await login(op)) }
}

describe('an answer nobody can read ends the consent and is read no further', () => {
  test.each([
    ['tok.huge', '(A41)'],
    ['tok.gzip_bomb', '(A42)'],
    ['tok.many_headers', '(A44)'],
    ['tok.huge_header', '(A44)'],
    ['tok.not_json', '(A45)'],
    ['tok.truncated_json', '(A45)'],
    ['tok.empty', '(A45)'],
    ['tok.utf16', '(A45)'],
    ['tok.nan', '(A45)'],
    ['tok.array', '(A45)'],
    ['tok.deep_json', '(A45)'],
  ] as const)('%s %s', async (name, _row) => {
    const { connectionId, outcome } = await loginWith(name)
    expect(outcome).toEqual(rejected(connectionId, 'token_exchange_failed', 'token_exchange_failed'))
    expect((await providers.broker().call('GET', '/health')).status).toBe(200)
  })

  test('a repeated member cannot swap the access token of a verified login (A45)', async () => {
    const { connectionId, outcome } = await loginWith('tok.duplicate_keys')
    expect(outcome).toEqual(rejected(connectionId))
  })
})

test.each(['tok.form_encoded', 'tok.text_plain', 'tok.bom'] as const)(
  'an odd but readable answer is taken, and JSON was asked for: %s (A46)',
  async (name) => {
    const { op, connectionId, outcome } = await loginWith(name)
    expect(outcome).toEqual(accepted(op, connectionId))
    expect(op.provider.journal('token')[0]?.headers.accept).toBe('application/json')
  },
)

test.each(['github', 'slack'])('a 200 that means an error becomes no connection: %s (A47)', async (value) => {
  const { connectionId, outcome } = await loginWith('tok.200_error', {}, value)
  expect(outcome).toEqual(rejected(connectionId, 'token_exchange_failed', 'token_exchange_failed'))
})

describe('types a provider gets wrong', () => {
  const tenYears = 10 * 365 * 24 * 3600
  test.each<[LabSwitch, number | undefined]>([
    ['tok.expires_in_string', 3600],
    ['tok.expires_in_float', 3600],
    ['tok.expires_in_null', 1800],
    ['tok.expires_in_array', 1800],
    ['tok.no_expires_in', 1800],
    ['tok.expires_in_huge', tenYears],
  ])('%s: a lifetime of %i seconds, that of the profile where none can be read (A48)', async (name, seconds = 0) => {
    const { op, connectionId, outcome } = await loginWith(name, { profile: { default_expires_in_seconds: 1800 } })
    expect(outcome).toEqual(accepted(op, connectionId))
    const left = Number((await readTokenOf(op, connectionId)).body.expires_in)
    expect(left).toBeLessThanOrEqual(seconds)
    expect(left).toBeGreaterThan(seconds - 60)
  })

  test.each(['tok.expires_in_negative', 'tok.expires_in_zero'] as const)(
    '%s: the token has ended already, so the first read refreshes it (A48)',
    async (name) => {
      const { op, connectionId, outcome } = await loginWith(name)
      expect(outcome.connection.status).toBe('active')
      expect((await readTokenOf(op, connectionId)).body).toMatchObject({ token_version: 2, expired: false })
      expect(op.provider.oracle()).toMatchObject({ refreshes: 1, reuseCount: 0 })
    },
  )

  test.each([
    ['tok.no_token_type', 'Bearer', 'openid profile'],
    ['tok.type_bot', 'bot', 'openid profile'],
    ['tok.bEARER', 'bEARER', 'openid profile'],
    ['tok.scope_array', 'Bearer', 'openid profile'],
    ['tok.scope_missing', 'Bearer', undefined],
  ] as const)('%s is type %s, scope %s (A48)', async (name, tokenType, scope) => {
    const { op, connectionId, outcome } = await loginWith(name)
    expect(outcome).toEqual(accepted(op, connectionId))
    const { body } = await readTokenOf(op, connectionId)
    expect({ type: body.token_type, scope: body.scope }).toEqual({ type: tokenType, scope })
  })
})

test.each(['tok.crlf_in_token', 'tok.nul_in_token', 'tok.64kb_token', 'tok.non_ascii_token'] as const)(
  'a token no header can hold never makes a connection: %s (A49)',
  async (name) => {
    const { connectionId, outcome } = await loginWith(name)
    expect(outcome).toEqual(rejected(connectionId, 'token_unusable', 'token_exchange_failed'))
  },
)

describe('the granted scope is what counts', () => {
  const grantOf = async (op: TestBroker, id: string) => {
    const [row] = await op.query(
      `select granted_scope, (select event_data from audit_events a
         where a.connection_id = c.id and event_type = 'oauth_flow_completed') as event
       from connections c where id = $1`,
      [id],
    )
    return row
  }

  test('a downgrade is stored and told to the operator (A58)', async () => {
    const { op, connectionId, outcome } = await loginWith('tok.scope_narrower')
    expect(outcome).toEqual(accepted(op, connectionId))
    expect(await grantOf(op, connectionId)).toMatchObject({
      granted_scope: 'openid',
      event: { missing_scopes: ['profile'], extra_scopes: 0 },
    })
    expect((await op.call('GET', `/connections/${connectionId}`)).body.missing_scopes).toEqual(['profile'])
  })

  test('an upgrade is stored as it was granted, not as it was asked for (A58)', async () => {
    const { op, connectionId } = await loginWith('tok.scope_wider')
    expect(await grantOf(op, connectionId)).toMatchObject({
      granted_scope: 'openid profile admin',
      event: { missing_scopes: [], extra_scopes: 1 },
    })
    expect((await readTokenOf(op, connectionId)).body.scope).toBe('openid profile admin')
  })
})
