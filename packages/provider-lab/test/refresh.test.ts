import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProviderLab, type LabProviderOptions, type ProviderLab } from '../src/index.js'
import { clientOf } from './client.js'

let lab: ProviderLab
beforeAll(async () => {
  lab = await startProviderLab()
})
afterAll(() => lab.close())

const arrange = (refresh?: LabProviderOptions['refresh']) => {
  const provider = lab.createProvider({ oidc: false, ...(refresh && { refresh }) })
  return { provider, client: clientOf(provider), held: provider.issue() }
}

test('a refresh rotates: the new refresh token works and the generation grows', async () => {
  const { provider, client, held } = arrange()
  const second = await client.refresh(held.refreshToken)
  const third = await client.refresh(second.body['refresh_token'])
  expect([second.status, third.status]).toEqual([200, 200])
  expect(provider.oracle()).toEqual({
    families: [
      {
        subject: 'user-1',
        alive: true,
        generation: 3,
        currentRefreshToken: third.body['refresh_token'],
        reuseCount: 0,
      },
    ],
    reuseCount: 0,
    refreshes: 2,
  })
})

test('a strict provider answers reuse with invalid_grant and ends the family', async () => {
  const { provider, client, held } = arrange()
  const second = await client.refresh(held.refreshToken)
  expect((await client.refresh(held.refreshToken)).body['error']).toBe('invalid_grant')
  expect((await client.refresh(second.body['refresh_token'])).body['error']).toBe('invalid_grant')
  expect(provider.oracle()).toMatchObject({ families: [{ alive: false }], reuseCount: 1, refreshes: 1 })
})

test('without family revocation reuse is refused and the successor lives on', async () => {
  const { provider, client, held } = arrange({ mode: 'rotating', revokesFamilyOnReuse: false })
  const second = await client.refresh(held.refreshToken)
  expect((await client.refresh(held.refreshToken)).status).toBe(400)
  expect((await client.refresh(second.body['refresh_token'])).status).toBe(200)
  expect(provider.oracle().reuseCount).toBe(1)
})

test('inside the grace period the predecessor gets the same successor, after it the family ends', async () => {
  const { provider, client, held } = arrange({ mode: 'rotating', graceMs: 30_000 })
  const second = await client.refresh(held.refreshToken)
  provider.clock.advance(29_000)
  const again = await client.refresh(held.refreshToken)
  expect(again.body['refresh_token']).toBe(second.body['refresh_token'])
  expect(provider.oracle().reuseCount).toBe(0)
  provider.clock.advance(2_000)
  expect((await client.refresh(held.refreshToken)).status).toBe(400)
  expect(provider.oracle()).toMatchObject({ families: [{ alive: false }], reuseCount: 1 })
})

test('grace covers the immediate predecessor only', async () => {
  const { client, held } = arrange({ mode: 'rotating', graceMs: 30_000 })
  const second = await client.refresh(held.refreshToken)
  await client.refresh(second.body['refresh_token'])
  expect((await client.refresh(held.refreshToken)).status).toBe(400)
})

test('a stable refresh token is repeated, or left out when the provider omits it', async () => {
  const repeating = arrange({ mode: 'stable' })
  const repeated = await repeating.client.refresh(repeating.held.refreshToken)
  expect(repeated.body['refresh_token']).toBe(repeating.held.refreshToken)

  const omitting = arrange({ mode: 'stable', omitWhenStable: true })
  const omitted = await omitting.client.refresh(omitting.held.refreshToken)
  expect([omitted.status, 'refresh_token' in omitted.body]).toEqual([200, false])
  expect((await omitting.client.refresh(omitting.held.refreshToken)).status).toBe(200)
})

test('old access tokens live on after a refresh, unless the provider kills them', async () => {
  const statuses = await Promise.all(
    [false, true].map(async (killsOldAccessToken) => {
      const { provider, client, held } = arrange({ mode: 'rotating', killsOldAccessToken })
      const fresh = await client.refresh(held.refreshToken)
      const ask = async (token: unknown): Promise<number> =>
        (await fetch(provider.apiUrl, { headers: { authorization: `Bearer ${String(token)}` } })).status
      return [await ask(held.accessToken), await ask(fresh.body['access_token'])]
    }),
  )
  expect(statuses).toEqual([
    [200, 200],
    [401, 200],
  ])
})

test('scope may narrow at a refresh and never widen', async () => {
  const provider = lab.createProvider({ oidc: false })
  const { refreshToken } = provider.issue({ scope: 'read write' })
  const client = clientOf(provider)
  expect((await client.refresh(refreshToken, { scope: 'read admin' })).body['error']).toBe('invalid_scope')
  expect((await client.refresh(refreshToken, { scope: 'read' })).body['scope']).toBe('read')
})

test('revoking a subject ends their families and no one else’s', async () => {
  const { provider } = arrange()
  provider.issue({ subject: 'ada' })
  provider.revokeSubject('ada')
  expect(provider.oracle().families).toMatchObject([
    { subject: 'user-1', alive: true },
    { subject: 'ada', alive: false },
  ])
})

test('revocation ends the family, and an unknown token is a success too', async () => {
  const { provider, client, held } = arrange()
  expect((await client.postToken({ token: 'unknown' }, provider.revocationEndpoint)).status).toBe(200)
  expect((await client.postToken({ token: held.refreshToken }, provider.revocationEndpoint)).status).toBe(200)
  expect(provider.oracle().families).toMatchObject([{ alive: false }])
})

test('two refreshes held before rotation race for one token: one wins, the other is reuse', async () => {
  const { provider, client, held } = arrange()
  const holds = [provider.hold('before-rotate'), provider.hold('before-rotate')]
  const answers = [client.refresh(held.refreshToken), client.refresh(held.refreshToken)]
  await Promise.all(holds.map((hold) => hold.reached))
  expect(provider.oracle().refreshes).toBe(0)
  for (const hold of holds) hold.release()
  expect((await Promise.all(answers)).map((answer) => answer.status).sort()).toEqual([200, 400])
  expect(provider.oracle().reuseCount).toBe(1)
})

test.each(['after-rotate', 'before-first-byte', 'mid-body'] as const)(
  'a refresh held %s has rotated but not answered, and others pass it',
  async (point) => {
    const { provider, client, held } = arrange()
    const other = provider.issue({ subject: 'other' })
    const hold = provider.hold(point)
    const answer = client.refresh(held.refreshToken)
    await hold.reached
    expect(provider.oracle().families[0]).toMatchObject({ generation: 2 })
    expect((await client.refresh(other.refreshToken)).status).toBe(200)
    hold.release()
    expect((await answer).status).toBe(200)
  },
)

test('a hold released before anything arrives holds nothing', async () => {
  const { provider, client, held } = arrange()
  provider.hold('before-rotate').release()
  expect((await client.refresh(held.refreshToken)).status).toBe(200)
})

test('closing the lab lets go of held requests', async () => {
  const own = await startProviderLab()
  const provider = own.createProvider({ oidc: false })
  const hold = provider.hold('before-first-byte')
  const answer = clientOf(provider).refresh(provider.issue().refreshToken)
  const outcome = answer.then(
    () => 'answered',
    () => 'cut',
  )
  await hold.reached
  await own.close()
  expect(['answered', 'cut']).toContain(await outcome)
})
