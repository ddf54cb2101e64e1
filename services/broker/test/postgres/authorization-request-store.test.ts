import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { behindALock } from './behind-a-lock.js'
import { authorizationRequest, givenPending, startStores, type TestStores } from './start-stores.js'

let stores: TestStores
beforeAll(async () => {
  stores = await startStores()
})
afterAll(() => stores.stop())

const expire = (id: string): Promise<unknown> =>
  stores.sql(`update authorization_requests set expires_at = now() - interval '1 second' where id = $1`, [id])

describe('an authorization request', () => {
  test('comes back as it was stored', async () => {
    const { secrets, lifetimeMs: _lifetime, openAtMost: _limit, ...request } = await givenPending(stores)
    const expected = { ...request, browserDigest: undefined, isClaimed: false, isExpired: false }
    expect(await stores.authorizationRequests.find('default', request.id)).toEqual(expected)
    expect(await stores.authorizationRequests.findByLink(request.id)).toEqual(expected)
    expect(await stores.authorizationRequests.secrets('default', request.id)).toEqual(secrets)
  })

  test('is stored together with its connection or not at all', async () => {
    const taken = await givenPending(stores)
    const second = authorizationRequest({ id: taken.id, providerId: taken.providerId })
    await expect(givenPending(stores, second)).rejects.toThrow()
    expect(await stores.connections.view(second.key)).toBeUndefined()
  })

  test('is unknown to another tenant', async () => {
    const request = await givenPending(stores)
    const foreign = { ...request, key: { ...request.key, tenantId: 'other' } }
    expect(await stores.authorizationRequests.find('other', request.id)).toBeUndefined()
    expect(await stores.authorizationRequests.secrets('other', request.id)).toBeUndefined()
    expect(await stores.authorizationRequests.bindBrowser(toStored(foreign), 'digest')).toBe(false)
    expect(await stores.authorizationRequests.claim(toStored(foreign))).toEqual({ kind: 'used' })
    expect(await stores.authorizationRequests.claim(toStored(request))).toMatchObject({ kind: 'claimed' })
  })
})

describe('the claim', () => {
  test('of fifty parallel claimers exactly one gets the secrets (fault 15)', async () => {
    const request = await givenPending(stores)
    const others = [stores.replica().stores, stores.replica().stores]
    const claims = await behindALock(stores, request.key.connectionId, 3, () =>
      Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          (others[index % 3] ?? stores).authorizationRequests.claim(toStored(request)),
        ),
      ),
    )
    expect(claims.filter((each) => each.kind === 'claimed')).toMatchObject([{ secrets: request.secrets }])
    expect(claims.filter((each) => each.kind === 'used')).toHaveLength(49)
  })

  test('removes the secrets from the row (fault 31)', async () => {
    const request = await givenPending(stores)
    await stores.authorizationRequests.claim(toStored(request))
    const rows = await stores.sql('select sealed_secrets from authorization_requests where id = $1', [request.id])
    expect(rows).toEqual([{ sealed_secrets: null }])
    expect(await stores.authorizationRequests.secrets('default', request.id)).toBeUndefined()
  })

  test('tells an expired request from a used one', async () => {
    const [late, used] = [await givenPending(stores), await givenPending(stores)]
    await stores.authorizationRequests.claim(toStored(used))
    await Promise.all([expire(late.id), expire(used.id)])
    expect(await stores.authorizationRequests.claim(toStored(late))).toEqual({ kind: 'expired' })
    expect(await stores.authorizationRequests.claim(toStored(used))).toEqual({ kind: 'used' })
  })

  test('of a request without secrets brings none', async () => {
    const request = await givenPending(stores, { secrets: undefined, purpose: 'capture', snapshot: undefined })
    expect(await stores.authorizationRequests.claim(toStored(request))).toMatchObject({
      kind: 'claimed',
      secrets: undefined,
    })
  })

  test('tells which provider it was at that moment, so that a known one need not be read', async () => {
    const requests = [await givenPending(stores)]
    const providerId = requests[0]?.providerId ?? ''
    requests.push(await givenPending(stores, { providerId }))
    const revisions: string[] = []
    for (const request of requests) {
      const claimed = await stores.authorizationRequests.claim(toStored(request))
      revisions.push(claimed.kind === 'claimed' ? claimed.providerRevision : claimed.kind)
      expect(revisions).toContain((await stores.leases.view(request.key, false))?.providerRevision)
      await stores.providers.remove(providerId)
    }
    expect(new Set(revisions).size).toBe(2)
  })
})

describe('what a person supplies', () => {
  const supplied = { variables: { subdomain: 'acme' }, snapshot: undefined, secrets: { codeVerifier: 'v', nonce: 'n' } }

  test('completes an incomplete request once', async () => {
    const request = await givenPending(stores, { variables: undefined, snapshot: undefined, secrets: undefined })
    const full = { ...supplied, snapshot: authorizationRequest().snapshot }
    expect(await stores.authorizationRequests.complete(toStored(request), full)).toBe(true)
    expect(await stores.authorizationRequests.complete(toStored(request), full)).toBe(false)
    const found = await stores.authorizationRequests.find('default', request.id)
    expect([found?.variables, found?.snapshot]).toEqual([{ subdomain: 'acme' }, full.snapshot])
    expect(await stores.authorizationRequests.secrets('default', request.id)).toEqual(supplied.secrets)
  })

  test('changes nothing of a claimed or expired request', async () => {
    const open = { variables: undefined, snapshot: undefined, secrets: undefined }
    const [claimed, late] = [await givenPending(stores, open), await givenPending(stores, open)]
    await stores.authorizationRequests.claim(toStored(claimed))
    await expire(late.id)
    for (const request of [claimed, late]) {
      expect(await stores.authorizationRequests.complete(toStored(request), supplied)).toBe(false)
      expect(await stores.authorizationRequests.bindBrowser(toStored(request), 'digest')).toBe(false)
    }
  })

  test('the browser that came last is the one the request is bound to', async () => {
    const request = await givenPending(stores)
    for (const digest of ['first', 'last'])
      expect(await stores.authorizationRequests.bindBrowser(toStored(request), digest)).toBe(true)
    expect((await stores.authorizationRequests.find('default', request.id))?.browserDigest).toBe('last')
  })
})

const toStored = (request: Awaited<ReturnType<typeof givenPending>>) => ({
  ...request,
  browserDigest: undefined,
  isClaimed: false,
  isExpired: false,
})
