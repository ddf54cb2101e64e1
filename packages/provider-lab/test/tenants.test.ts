import { afterEach, expect, test } from '@jest/globals'
import { startProviderLab, type LabOptions, type LabProvider, type ProviderLab } from '../src/index.js'
import { clientOf } from './client.js'

const labs: ProviderLab[] = []
const start = async (options: LabOptions = {}): Promise<ProviderLab> => {
  const lab = await startProviderLab(options)
  labs.push(lab)
  return lab
}
afterEach(async () => {
  await Promise.all(labs.splice(0).map((lab) => lab.close()))
})

const ask = async (provider: LabProvider): Promise<number> => (await fetch(provider.apiUrl)).status

test('providers share nothing: client, tokens, switches, journal, clock, holds', async () => {
  const lab = await start()
  const [one, other] = [lab.createProvider({ oidc: false }), lab.createProvider({ oidc: false })]
  one.turnOn('tok.5xx')
  one.clock.advance(60_000)
  one.hold('before-rotate')
  const { refreshToken } = other.issue()
  expect((await clientOf(other).refresh(refreshToken)).status).toBe(200)
  expect((await clientOf(one).refresh(refreshToken)).status).toBe(503)
  expect([one.clientSecret === other.clientSecret, one.journal().length, other.journal().length]).toEqual([false, 1, 1])
  expect(one.clock.now() - other.clock.now()).toBeGreaterThan(50_000)
})

test('the same seed and id give the same secret and tokens, wherever the provider is in the row', async () => {
  const [one, other] = [await start({ seed: 5 }), await start({ seed: 6 })]
  other.createProvider()
  const facts = (provider: LabProvider) => [provider.clientSecret, provider.issue({ scope: 'api' })]
  const same = { id: 'same', oidc: false }
  expect(facts(one.createProvider(same))).toEqual(facts(other.createProvider({ ...same, seed: 5 })))
  expect(facts(one.createProvider())).not.toEqual(facts(other.createProvider()))
})

test('a provider with a lifetime is gone after that long without a request', async () => {
  let nowMs = 0
  const lab = await start({ nowMs: () => nowMs })
  const [brief, lasting] = [lab.createProvider({ ttlMs: 1000 }), lab.createProvider()]
  nowMs = 900
  expect(await ask(brief)).toBe(401)
  nowMs = 1800 // it was used in between
  expect(await ask(brief)).toBe(401)
  nowMs = 2801
  expect(await ask(brief)).toBe(404)
  expect(lab.providers().map(({ id }) => id)).toEqual([lasting.id])
})

test('providers that are over make room in a lab that is full', async () => {
  let nowMs = 0
  const lab = await start({ maxProviders: 1, nowMs: () => nowMs })
  lab.createProvider({ ttlMs: 1000 })
  expect(() => lab.createProvider()).toThrow('the lab is full with 1 providers')
  nowMs = 1001
  expect(lab.providers()).toHaveLength(0)
  expect(() => lab.createProvider()).not.toThrow()
})

test('a journal keeps the newest requests, counts on, and cuts a long body', async () => {
  const lab = await start({ journalSize: 4 })
  const provider = lab.createProvider()
  for (let n = 0; n < 11; n++) await ask(provider)
  expect(provider.journal().map(({ seq }) => seq)).toEqual([8, 9, 10, 11])
  await fetch(provider.tokenEndpoint, { method: 'POST', body: 'x'.repeat(200_000) })
  expect(provider.journal('token')[0]?.rawBody).toHaveLength(65_536)
})

test('requests of one connection have one number, and heads are kept as they came', async () => {
  const lab = await start()
  const provider = lab.createProvider()
  await ask(provider)
  const [entry] = provider.journal()
  expect(entry?.socket).toBeGreaterThan(0)
  expect(entry?.rawHead.split('\r\n')[0]).toBe(`GET /t/${provider.id}/api HTTP/1.1`)
})

test('a removed provider lets go of what it held', async () => {
  const lab = await start()
  const provider = lab.createProvider({ oidc: false })
  const hold = provider.hold('before-rotate')
  const refreshed = clientOf(provider).refresh(provider.issue().refreshToken)
  await hold.reached
  expect(lab.removeProvider(provider.id)).toBe(true)
  expect((await refreshed).status).toBe(200)
  expect(lab.removeProvider(provider.id)).toBe(false)
})
