import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { catalogue, type LabSwitch } from 'dromos-lab'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { accepted, login, outcomeOf, refreshTokensPresented, rejected } from '../conformance/outcome.js'
import { type AddedProviderOptions, type MoreProviders, startMoreProviders } from '../harness/more-providers.js'
import { approved, comeBack, connected, readTokenOf, refreshOf } from '../harness/person.js'
import { startTestBroker, type TestBroker } from '../harness/test-broker.js'

// The misbehaviours of the lab that no other test of the broker meets, and the promise that each is met somewhere.

let broker: TestBroker
let providers: MoreProviders
beforeAll(async () => {
  broker = await startTestBroker()
  providers = await startMoreProviders(broker)
})
afterAll(async () => {
  await providers.close()
  await broker.close()
})

async function switched(name: LabSwitch, options: AddedProviderOptions = {}): Promise<TestBroker> {
  const op = await providers.add(options)
  op.provider.turnOn(name)
  return op
}

describe('a login goes through', () => {
  test.each(['authz.iss_unadvertised_correct', 'tok.form_unless_json_accepted', 'rt.rotate_strict'] as const)(
    '%s',
    async (name) => {
      const op = await switched(name)
      const { connectionId, outcome } = await login(op)
      expect(outcome).toEqual(accepted(op, connectionId))
    },
  )

  // RFC 6749 section 2.3.1: in a Basic header both parts are form-encoded first.
  test.each([
    ['ca.basic_only', 'client_secret_basic'],
    ['ca.post_only', 'client_secret_post'],
  ] as const)('%s, with a secret that has to be encoded', async (name, client_auth) => {
    const op = await switched(name, { provider: { clientSecret: 'a:b%2F+c é' }, profile: { client_auth } })
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual(accepted(op, connectionId))
  })

  // Neither is named by the profile, and the provider refuses the other one.
  test.each([
    ['ca.basic_only', 'client_secret_basic'],
    ['ca.post_only', 'client_secret_post'],
  ] as const)('%s, as its metadata says, from the pushed request to the revocation', async (name, secretMethod) => {
    const op = await switched(name, { provider: { clientSecret: 'a:b%2F+c é', par: 'required' } })
    const { connectionId, outcome } = await login(op)
    expect(outcome).toEqual(accepted(op, connectionId))
    expect((await refreshOf(op, connectionId)).status).toBe(200)
    expect((await op.call('DELETE', `/connections/${connectionId}`)).body).toMatchObject({ revocation: 'revoked' })
    const [row] = await op.query<{ snapshot: { endpoints: unknown } }>(
      'select snapshot from authorization_requests where connection_id = $1',
      [connectionId],
    )
    expect(row?.snapshot.endpoints).toMatchObject({ secretMethod })
  })

  test('disc.endpoint_swap_after_start: at the endpoints it began with, and the attacker hears nothing', async () => {
    const op = await providers.add()
    const { callbackUrl, cookie, connectionId } = await approved(op)
    op.provider.turnOn('disc.endpoint_swap_after_start')
    const outcome = await outcomeOf(op, connectionId, await comeBack(op, callbackUrl, cookie))
    expect(outcome).toEqual(accepted(op, connectionId))
  })
})

describe('a login fails', () => {
  test('authz.error: with the error of the provider, and no token request', async () => {
    const op = await switched('authz.error')
    const { outcome } = await login(op)
    expect(outcome).toMatchObject({ connection: { status: 'failed', reason: 'access_denied' }, calls: { token: 0 } })
  })

  test('authz.no_code: with no token request', async () => {
    const op = await switched('authz.no_code')
    const { callbackUrl, cookie, connectionId } = await approved(op)
    const answer = await comeBack(op, callbackUrl, cookie)
    expect(answer.status).toBeLessThan(500)
    expect((await op.call('GET', `/connections/${connectionId}/status`)).body.status).not.toBe('active')
    expect(op.provider.journal('token')).toEqual([])
  })

  test('authz.code_from_other_client: the provider refuses the code', async () => {
    const { connectionId, outcome } = await login(await switched('authz.code_from_other_client'))
    expect(outcome).toEqual(rejected(connectionId, 'token_exchange_failed', 'token_exchange_failed'))
  })

  test('authz.state_truncated: nothing changes and nothing is sent', async () => {
    const op = await switched('authz.state_truncated')
    const { callbackUrl, cookie, connectionId } = await approved(op)
    expect((await comeBack(op, callbackUrl, cookie)).status).toBe(400)
    expect((await op.call('GET', `/connections/${connectionId}/status`)).body.status).toBe('pending')
    expect(op.provider.journal('token')).toEqual([])
  })
})

/** Connects, turns the switch on, refreshes twice. */
async function refreshedTwice(name: LabSwitch, options: AddedProviderOptions = {}) {
  const op = await providers.add(options)
  const id = await connected(op)
  op.provider.turnOn(name)
  const answers = [await refreshOf(op, id), await refreshOf(op, id)]
  const { status, reason } = (await op.call('GET', `/connections/${id}/status`)).body
  return { op, id, statuses: answers.map((answer) => answer.status), connection: { status, reason } }
}

describe('a refresh goes through, again and again', () => {
  test.each([
    'tok.same_refresh_token',
    'rt.rotate_grace',
    'rt.family_revoke_on_reuse',
    'rt.kills_old_at',
    'refresh_idt.absent',
  ] as const)('%s', async (name) => {
    const { op, id, statuses } = await refreshedTwice(name)
    expect(statuses).toEqual([200, 200])
    const token = String((await readTokenOf(op, id)).body.access_token)
    const served = await fetch(op.provider.apiUrl, { headers: { authorization: `Bearer ${token}` } })
    expect([served.status, op.provider.oracle().reuseCount]).toEqual([200, 0])
  })
})

describe('a grant the provider has ended asks for the person, after one call and no more', () => {
  const atlassian = { profile: { dead_grant_errors: ['unauthorized_client'] } }
  test.each<[LabSwitch, AddedProviderOptions]>([
    ['rt.revoked_by_user', {}],
    ['rt.expired_idle', {}],
    ['rt.403_invalid_grant', atlassian],
    ['rt.aadsts', {}],
    ['rt.invalid_rapt', {}],
  ])('%s', async (name, options) => {
    const { op, statuses, connection } = await refreshedTwice(name, options)
    expect(statuses).toEqual([409, 409])
    expect(connection.status).toBe('attention')
    expect(refreshTokensPresented(op)).toHaveLength(1)
  })
})

test('tok.5xx_after_rotate: the outcome is in doubt and the held token still served', async () => {
  const { op, id, statuses, connection } = await refreshedTwice('tok.5xx_after_rotate')
  expect([statuses, connection.status]).toEqual([[503, 503], 'active'])
  expect((await readTokenOf(op, id)).status).toBe(200)
})

describe('a disconnect is over at the first answer, whatever it says, and nothing is held after it', () => {
  test.each([
    ['rev.200_unknown', 'revoked'],
    ['rev.400_unsupported_token_type', 'revocation_failed'],
  ] as const)('%s: %s', async (name, revocation) => {
    const op = await providers.add()
    const id = await connected(op)
    op.provider.turnOn(name)
    expect((await op.call('DELETE', `/connections/${id}`)).body).toMatchObject({ status: 'revoked', revocation })
    expect(op.provider.journal('revocation')).toHaveLength(1)
    const sealed = await op.query('select sealed_credentials from connections where id = $1', [id])
    expect(sealed).toEqual([{ sealed_credentials: null }])
  })
})

// What the broker has no part in, or what another test proves without the switch.
const elsewhere: Partial<Record<LabSwitch, string>> = {
  'disc.rebinding_endpoints':
    'egress.test.ts (A34) with endpoints of the profile: the names and the DNS server are the same',
  'prm.resource_mismatch': 'the broker does not read protected resource metadata',
  'prm.no_authorization_servers': 'the broker does not read protected resource metadata',
  'prm.multiple': 'the broker does not read protected resource metadata',
  'authz.form_post': 'a POST to the callback: flow-integrity.test.ts (A13)',
  'tok.hang_connect': 'egress.test.ts (A38): silent',
  'ca.none_only': 'the profile says how the client authenticates: token-requests.test.ts',
  'ca.mtls_only': 'the broker has no client certificates; the answer is that of ca.invalid_client',
  'dcr.off': 'the broker registers itself nowhere: operators register it',
  'dcr.invalid_client_metadata': 'the broker registers itself nowhere: operators register it',
  'dcr.changed_secret': 'the broker registers itself nowhere: operators register it',
  'cimd.unsupported': 'the broker is no client that is a document: operators register it',
  'rt.rate_10_per_10min': 'the rate of a provider is configured: call-lane.test.ts',
  'rt.scope_forbidden': 'the default: a refresh carries no scope',
  'rs.403_insufficient_scope': 'agents call resource servers; the broker widens scopes when asked: http/lifecycle',
  'rs.429': 'agents call resource servers',
  'rs.5xx': 'agents call resource servers',
}

test('every switch of the lab is met by a test of the broker, or it is said why not', () => {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const [own = '', ...others] = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort((one) => (one.endsWith('lab-switches.test.ts') ? -1 : 0))
    .map((name) => readFileSync(join(root, name), 'utf8'))
  const text = [own.slice(0, own.indexOf('const elsewhere')), ...others].join('\n')
  const unmet = Object.keys(catalogue).filter((name) => !text.includes(`'${name}'`) && !(name in elsewhere))
  expect(unmet).toEqual([])
  // Whoever tests one of these takes its excuse away.
  expect(Object.keys(elsewhere).filter((name) => text.includes(`'${name}'`))).toEqual([])
})
