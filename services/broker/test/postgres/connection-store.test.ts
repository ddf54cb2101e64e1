import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { untouched } from '../../src/flows/activate-grant.js'
import {
  activateWith,
  authorizationRequest,
  captured,
  givenActive,
  givenPending,
  givenProvider,
  nothingKnown,
  startStores,
} from './start-stores.js'
import type { TestStores } from './start-stores.js'

let stores: TestStores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores.stop())

describe('a connection', () => {
  test('is pending until a consent stored something and it was judged', async () => {
    const request = await givenPending(stores)
    const { key } = request
    await stores.authorizationRequests.capture(request, captured().sealed)
    expect(await stores.connections.readCredentials(key)).toMatchObject({
      status: 'pending',
      sealedCredentials: undefined,
    })
    expect(await activateWith(stores, request, captured())).toBe(true)
    expect(await stores.connections.view(key)).toEqual({
      status: 'active',
      reason: undefined,
      isConsentExpired: false,
    })
  })

  test('that waits for its first consent is what that consent takes it for without a look', async () => {
    const target = await stores.connections.activationTarget(await givenPending(stores))
    expect(target).toEqual(untouched)
  })

  test('reads as one row with what an agent needs of its provider', async () => {
    const profile = { auth_type: 'api_key', client_id: null, auth_url: null, token_url: null, auth_header: 'X-Key' }
    const providerId = await givenProvider(stores, { name: 'keyed', ...profile })
    const key = await givenActive(stores, { providerId, variables: { subdomain: 'acme' } })
    expect(await stores.connections.readCredentials(key)).toEqual({
      status: 'active',
      reason: undefined,
      isConsentExpired: false,
      providerId,
      providerName: 'keyed',
      isProviderDeleted: false,
      strategy: { type: 'header', config: { header_name: 'X-Key', credential_field: 'api_key' } },
      version: 1,
      attempt: 'idle',
      sealedCredentials: captured('first').sealed,
    })
  })

  test.each([
    ['has ended', -1_000, true],
    ['is about to end', 60_000, true],
    ['lives on', 3_600_000, false],
  ])('reads with what a refresh looks at first when its token %s', async (_, livesForMs, isDue) => {
    const key = await givenActive(stores)
    const expiresAt = new Date(Date.now() + livesForMs)
    await stores.sql(
      `update connections set expires_at = $2, attempt_state = 'in_doubt', fence = 7, account_issuer = 'https://op.example',
         account_subject = 'alice', granted_to_client_id = 'us', lease_until = now() + interval '1 minute',
         variables = '{"subdomain":"acme"}', refresh_schedule = 'keep_alive', last_used_at = now() where id = $1`,
      [key.connectionId, expiresAt],
    )
    const row = await stores.connections.readCredentials(key)
    expect(row?.leaseRow).toEqual(isDue ? await stores.leases.view(key, false) : undefined)
    if (isDue) expect(row?.leaseRow).toMatchObject({ fence: 7, isLeased: true, expiresAtMs: expiresAt.getTime() })
  })

  test('tells that its provider was deleted', async () => {
    const providerId = await givenProvider(stores)
    const key = await givenActive(stores, { providerId })
    await stores.providers.remove(providerId)
    expect(await stores.connections.readCredentials(key)).toMatchObject({ isProviderDeleted: true })
  })

  test('of another tenant does not exist for any operation', async () => {
    const request = await givenPending(stores)
    const { key } = request
    const foreign = { ...key, tenantId: 'other' }
    const foreignRequest = { id: request.id, key: foreign }
    expect(await stores.connections.view(foreign)).toBeUndefined()
    expect(await stores.connections.readCredentials(foreign)).toBeUndefined()
    expect(await stores.connections.details(foreign)).toBeUndefined()
    expect(await stores.revocations.begin(foreign)).toBeUndefined()
    expect(await activateWith(stores, foreignRequest, captured())).toBe(false)
    expect(await stores.connections.fail(foreignRequest, 'access_denied')).toBe(false)
    expect(await stores.connections.view(key)).toMatchObject({ status: 'pending' })
  })

  test('keeps the account and whom the grant was made with', async () => {
    const request = await givenPending(stores)
    const { key } = request
    await activateWith(stores, request, captured('token', 1_900_000_000_123), {
      account: { issuer: 'https://id.example', subject: 's-1', label: 'ann@example' },
      variables: { subdomain: 'acme' },
      grantedToClientId: 'client-1',
      grantedAtOrigin: 'https://id.example',
    })
    expect(await stores.leases.view(key, false)).toMatchObject({
      account: { issuer: 'https://id.example', subject: 's-1' },
      variables: { subdomain: 'acme' },
      grantedToClientId: 'client-1',
      grantedAtOrigin: 'https://id.example',
      expiresAtMs: 1_900_000_000_123,
    })
  })
})

describe('what is planned for a connection', () => {
  const nextRefresh = { at: new Date('2026-03-01T00:00:00Z'), schedule: undefined }
  const planOf = async (id: string): Promise<unknown> =>
    (await stores.sql('select next_refresh_at as at from connections where id = $1', [id]))[0]?.at

  test.each([
    ['is kept when it takes a grant', 'select $1', nextRefresh.at],
    ['is decided anew when its policy changed meanwhile', `update connections set refresh_schedule = 'on_demand' where id = $1`, null],
    ['is decided anew when it was used meanwhile', 'update connections set last_used_at = now() where id = $1', null],
  ])('%s', async (_, meanwhile, at) => {
    const request = await givenPending(stores)
    const { connectionId } = request.key
    const target = await stores.connections.activationTarget(request)
    if (target === undefined) throw new Error('nothing to activate')
    await stores.sql(meanwhile, [connectionId])
    const result = { ...nothingKnown, ...captured(), nextRefresh }
    expect(await stores.connections.activate(request, target, result, [])).toBe(true)
    expect(await planOf(connectionId)).toEqual(at)
  }) // prettier-ignore

  test('is kept when it is granted anew, by the policy and the use it was looked at with', async () => {
    const key = await givenActive(stores)
    await stores.sql(
      `update connections set refresh_schedule = 'keep_alive', last_used_at = now(), status = 'attention' where id = $1`,
      [key.connectionId],
    )
    const request = authorizationRequest({ key, providerId: await givenProvider(stores), intent: 'reconnect' })
    await stores.authorizationRequests.add(request)
    const plan = { ...nextRefresh, schedule: 'keep_alive' as const }
    expect(await activateWith(stores, request, captured('second'), { nextRefresh: plan })).toBe(true)
    expect(await planOf(key.connectionId)).toEqual(plan.at)
  })
})

describe('the end of a consent', () => {
  test('a failed one has no credentials; what came is kept until it is revoked', async () => {
    const request = await givenPending(stores)
    const { key } = request
    const { sealed } = captured()
    await stores.authorizationRequests.capture(request, sealed)
    expect(await stores.connections.fail(request, 'id_token_invalid')).toBe(true)
    expect(await stores.sql('select sealed_captured from authorization_requests where id = $1', [request.id])).toEqual([
      { sealed_captured: sealed },
    ])
    expect(await stores.connections.readCredentials(key)).toMatchObject({
      status: 'failed',
      reason: 'id_token_invalid',
      sealedCredentials: undefined,
    })
  })

  test('a late failure cannot end an active connection (fault 15)', async () => {
    const request = await givenPending(stores)
    const { key } = request
    await activateWith(stores, request, captured('first'))
    expect(await stores.connections.fail(request, 'provider_error')).toBe(false)
    expect(await activateWith(stores, request, captured('planted'))).toBe(false)
    expect(await stores.connections.readCredentials(key)).toMatchObject({
      status: 'active',
      sealedCredentials: captured('first').sealed,
    })
  })

  test('of parallel endings exactly one counts', async () => {
    const request = await givenPending(stores)
    const endings = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        index % 2
          ? activateWith(stores, request, captured(`one-${index}`))
          : stores.connections.fail(request, 'expired'),
      ),
    )
    expect(endings.filter(Boolean)).toHaveLength(1)
  })

  test('a consent that ran out of time by the clock of the database shows as expired', async () => {
    const { key } = await givenPending(stores)
    await stores.sql(`update connections set consent_expires_at = now() - interval '1 second' where id = $1`, [
      key.connectionId,
    ])
    expect(await stores.connections.view(key)).toMatchObject({ status: 'pending', isConsentExpired: true })
  })
})

describe('through a pooler', () => {
  test('everything works without named statements, and nothing is left prepared in a session', async () => {
    const pooled = stores.replica({ preparedStatements: false })
    const key = await givenActive(stores)
    expect(await pooled.stores.connections.readCredentials(key)).toMatchObject({ status: 'active', version: 1 })
    const { rows } = await pooled.database.reader.query('select name from pg_prepared_statements')
    expect(rows).toEqual([])
  })
})
