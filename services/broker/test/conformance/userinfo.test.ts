import type { LabSwitch } from 'dromos-lab'
import { describe, expect, test } from '@jest/globals'
import { provideForSuite } from '../harness/more-providers.js'
import { connected, refreshOf } from '../harness/person.js'
import type { TestBroker } from '../harness/test-broker.js'
import { accepted, issuedTokens, login, rejected } from './outcome.js'

// OpenID conformance suite, the userinfo modules of oidcc-client-test-plan and the dynamic plan, and what a userinfo
// endpoint can do beyond them. The basic plan's two are in basic-plan.test.ts.

const providers = provideForSuite()

const loginWith = async (name: LabSwitch, userinfo?: 'required' | 'off') => {
  const op = await providers.add({ profile: userinfo === undefined ? {} : { userinfo } })
  op.provider.turnOn(name)
  return { op, ...(await login(op)) }
}

const refused = (connectionId: string) => {
  const outcome = rejected(connectionId, 'userinfo_invalid', 'userinfo_verification_failed')
  return { ...outcome, calls: { ...outcome.calls, userinfo: 1 } }
}

const labelOf = async (op: TestBroker, id: string): Promise<unknown> =>
  (await op.call('GET', `/connections/${id}`)).body.account

test('oidcc-client-test-userinfo-bearer-header', async () => {
  const op = await providers.add()
  await connected(op)
  expect(
    op.provider.journal('userinfo').map(({ method, query, rawBody, headers }) => ({
      method,
      query: { ...query },
      rawBody,
      authorization: headers.authorization,
    })),
  ).toEqual([{ method: 'GET', query: {}, rawBody: '', authorization: `Bearer ${issuedTokens(op)[0]}` }])
})

test('oidcc-client-test-userinfo-signed', async () => {
  const { op, connectionId, outcome } = await loginWith('ui.signed')
  expect(outcome).toEqual(accepted(op, connectionId))
  expect(await labelOf(op, connectionId)).toMatchObject({ label: 'user-1' })
})

describe('claims that are not those of the account end the consent', () => {
  test.each(['ui.sub_mismatch', 'ui.no_sub', 'ui.signed_bad', 'ui.signed_iss+1', 'ui.signed_aud+1'] as const)(
    '%s',
    async (name) => {
      const { connectionId, outcome } = await loginWith(name)
      expect(outcome).toEqual(refused(connectionId))
    },
  )
})

describe('an endpoint that says nothing usable', () => {
  const silent = ['ui.401', 'ui.500', 'ui.html', 'ui.huge', 'ui.hang'] as const

  test.each(silent)('%s: the id_token has said who it is, so the login goes on', async (name) => {
    const { op, connectionId, outcome } = await loginWith(name)
    expect(outcome).toEqual(accepted(op, connectionId))
  })

  test.each(silent)('%s: a profile that requires userinfo gets no connection', async (name) => {
    const { connectionId, outcome } = await loginWith(name, 'required')
    expect(outcome).toEqual(refused(connectionId))
  })
})

test('a profile that switches userinfo off is never asked', async () => {
  const { op, connectionId, outcome } = await loginWith('ui.sub_mismatch', 'off')
  const { calls, ...rest } = accepted(op, connectionId)
  expect(outcome).toEqual({ ...rest, calls: { ...calls, userinfo: 0 } })
})

test('a refresh does not depend on userinfo', async () => {
  const op = await providers.add({ profile: { userinfo: 'required' } })
  const id = await connected(op)
  op.provider.turnOn('ui.sub_mismatch')
  expect((await refreshOf(op, id)).body.token_version).toBe(2)
  expect(op.provider.journal('userinfo')).toHaveLength(1)
})
